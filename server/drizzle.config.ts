import { defineConfig } from 'drizzle-kit';

/** `pnpm --filter @dimmer/server exec drizzle-kit generate --name <what-changes>` writes the next migration. */
export default defineConfig({
  dialect: 'sqlite',
  schema: './src/storage/sqlite/tables.ts',
  out: './migrations/sqlite',
});
