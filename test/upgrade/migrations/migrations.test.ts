import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RECORDED } from '../builds.ts';
import { lintPostgres } from './lint-postgres.ts';
import { lintSqlite } from './lint-sqlite.ts';
import { changedSinceRelease, complaintsOf, migrationOf, readMigrations } from './migration-file.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../server/migrations/', import.meta.url));
const ADAPTERS = [
  { adapter: 'sqlite', lint: async (all: Parameters<typeof lintSqlite>[0]) => lintSqlite(all) },
  { adapter: 'postgres', lint: lintPostgres },
].filter(({ adapter }) => existsSync(`${MIGRATIONS}${adapter}`));

/** Hashes of migrations that servers in the field have run, by adapter and name. */
type Released = Readonly<Record<string, Readonly<Record<string, string>>>>;
const released = JSON.parse(readFileSync(`${MIGRATIONS}released.json`, 'utf8')) as Released;

describe.each(ADAPTERS)('the migrations of $adapter', ({ adapter, lint }) => {
  const migrations = readMigrations(`${MIGRATIONS}${adapter}`);

  test('[U4] only add, and break no server of the version before', async () => {
    const found = await lint(migrations);
    expect(migrations.flatMap((each) => complaintsOf(each, found.get(each) ?? []))).toEqual([]);
    expect(migrations.length).toBeGreaterThan(0);
  });

  test('[U5] that were released are as they were', () => {
    expect(changedSinceRelease(migrations, released[adapter] ?? {})).toEqual([]);
  });

  test('[U5] of every recorded build count as released', () => {
    const recorded = RECORDED.map(({ folder }) => `${folder}migrations/${adapter}`).filter(existsSync);
    for (const { name, hash } of recorded.flatMap(readMigrations)) {
      expect(released[adapter]?.[name], `add "${name}": "${hash}" to server/migrations/released.json`).toBe(
        hash,
      );
    }
  });
});

test('[U4] an exception needs a reason, and something that it allows', () => {
  const text = '-- allow drop: nothing reads it since 0.4, which is two releases old\nDROP TABLE notes;';
  const drop = { rule: 'drop', problem: 'notes is gone' };
  expect(migrationOf('0004_contract', text).statements).toEqual(['DROP TABLE notes;']);
  expect(complaintsOf(migrationOf('0004_contract', text), [drop])).toEqual([]);
  expect(complaintsOf(migrationOf('0004_contract', 'DROP TABLE notes;'), [drop])).toHaveLength(1);
  expect(complaintsOf(migrationOf('0004_contract', text), [])).toHaveLength(1);
  expect(
    complaintsOf(migrationOf('0004_contract', '-- allow drop: needed\nDROP TABLE notes;'), [drop]),
  ).toHaveLength(1);
});

test('[U5] a released migration that was edited, or is gone, is found; an exception may be added to it', () => {
  const before = migrationOf('0001_notes', 'CREATE TABLE notes (id text);');
  const edited = migrationOf('0001_notes', 'CREATE TABLE notes (id integer);');
  const excused = migrationOf(
    '0001_notes',
    '-- allow drop: it was there before the rule was\nCREATE TABLE notes (id text);',
  );
  const hashes = { '0001_notes': before.hash };
  expect(changedSinceRelease([before], hashes)).toEqual([]);
  expect(changedSinceRelease([excused], hashes)).toEqual([]);
  expect(changedSinceRelease([edited], hashes)).toHaveLength(1);
  expect(changedSinceRelease([], hashes)).toHaveLength(1);
});
