import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../../../server', import.meta.url));
const VERSION = '999.0.0';

/**
 * Makes what the next release will be to this one: another version that brings its own step of the database's schema, the
 * kind that this release's servers must be able to live with.
 *
 * @param folder - Where it is made.
 * @returns Its `bin/dimmer.js`.
 */
export async function buildNextRelease(folder: string): Promise<string> {
  const server = join(folder, 'next-release');
  await mkdir(server);
  for (const part of ['bin', 'dist', 'migrations']) {
    await cp(join(SERVER, part), join(server, part), { recursive: true });
  }
  const manifest: unknown = JSON.parse(await readFile(join(SERVER, 'package.json'), 'utf8'));
  await writeFile(join(server, 'package.json'), JSON.stringify({ ...Object(manifest), version: VERSION }));
  await symlink(join(SERVER, 'node_modules'), join(server, 'node_modules'));
  await addMigration(join(server, 'migrations/postgres'));
  return join(server, 'bin/dimmer.js');
}

/** A step as a first half of expand and contract is: nothing of it is needed by those who do not know it. */
async function addMigration(folder: string): Promise<void> {
  const steps = (await readdir(folder)).filter((file) => file.endsWith('.sql'));
  const number = String(steps.length).padStart(4, '0');
  const sql = `-- least reader: 0\nalter table "flags" add column "next_release" text;\n`;
  await writeFile(join(folder, `${number}_next_release.sql`), sql);
}
