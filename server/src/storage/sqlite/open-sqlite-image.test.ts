import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteSource, openSqliteTarget } from './open-sqlite-image.ts';
import { openSqliteStorage } from './open-sqlite-storage.ts';

const clock = { now: () => Date.parse('2026-11-28T04:00:00Z') };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dimmer-sqlite-image-'));
  path = join(folder, 'dimmer.db');
  await (await openSqliteStorage({ path, clock })).close();
});
afterEach(() => rmSync(folder, { recursive: true }));

function change(sql: string): void {
  const client = new SqliteConnection(path);
  client.exec(sql);
  client.close();
}

test.each([
  [
    'an older',
    'DELETE FROM __drizzle_migrations WHERE created_at = (SELECT max(created_at) FROM __drizzle_migrations)',
  ],
  ['a newer', 'UPDATE __drizzle_migrations SET created_at = created_at + 1'],
])('[MV29] a file of %s version is refused, by name, and left as it is', async (age, sql) => {
  change(sql);
  const before = readFileSync(path);
  await expect(openSqliteSource({ path, exclusive: false })).rejects.toThrow(`is of ${age} version`);
  await expect(openSqliteTarget({ path, clock })).rejects.toThrow(`is of ${age} version`);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('[MV29] what is no database, or none of Dimmer, is told apart', async () => {
  const other = join(folder, 'other.db');
  new SqliteConnection(other).exec('CREATE TABLE t (a)').close();
  await expect(openSqliteSource({ path: other, exclusive: false })).rejects.toThrow(
    'has no tables of Dimmer',
  );
  await expect(openSqliteSource({ path: `${path}.none`, exclusive: false })).rejects.toThrow(
    'There is no file',
  );
});

test('[MV20] a value that its column cannot have is named with its row', async () => {
  change(`INSERT INTO projects VALUES ('shop', x'00', '', '', 1)`);
  const source = await openSqliteSource({ path, exclusive: false });
  const read = async () => {
    for await (const row of source.rows()) expect(row).toBeUndefined();
  };
  await expect(read()).rejects.toMatchObject({
    fault: 'damaged',
    message: expect.stringContaining('projects (shop'),
  });
  await source.close();
});
