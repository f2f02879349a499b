import { defineConfig } from 'drizzle-kit';

/**
 * `pnpm --filter @dimmer/server exec drizzle-kit generate --config drizzle.postgres.config.ts --name <what-changes>`
 * writes the next migration for PostgreSQL.
 */
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/storage/postgres/tables.ts',
  out: './migrations/postgres',
});
