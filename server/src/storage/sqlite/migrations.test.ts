import { readdirSync, readFileSync } from 'node:fs';
import SqliteConnection from 'better-sqlite3';
import { expect, test } from 'vitest';

function migrate(database: SqliteConnection.Database, name: string): void {
  database.exec(readFileSync(new URL(`../../../migrations/sqlite/${name}.sql`, import.meta.url), 'utf8'));
}

function migrated(...names: readonly string[]): SqliteConnection.Database {
  const database = new SqliteConnection(':memory:');
  for (const name of names) migrate(database, name);
  return database;
}

function steps(): readonly string[] {
  const files = readdirSync(new URL('../../../migrations/sqlite/', import.meta.url));
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => file.slice(0, -4));
}

test('[S36] the key of changes is the table itself, and no counter is kept for the audit log', () => {
  const database = migrated(...steps());
  const rowless = `SELECT name FROM pragma_table_list WHERE schema = 'main' AND wr = 1`;
  expect(database.prepare(rowless).pluck().all()).toEqual(['changes']);
  const counted = `SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%autoincrement%'`;
  expect(database.prepare(counted).pluck().all()).toEqual(['environments']);
  database.close();
});

test('[S36] changes and audit that were made anew have every row and constraint that they had', () => {
  const database = migrated('0000_initial', '0001_exposures', '0002_client_plane');
  database.exec(`INSERT INTO projects VALUES ('shop', 'Shop', '', '2026-01-01', 1)`);
  const environment = database.prepare(
    `INSERT INTO environments (project, key, name, epoch, created_at, revision, history_floor, floor_at)
     VALUES ('shop', ?, 'P', 'e', '2026-01-01', 7, 0, '2026-01-01')`,
  );
  const change = database.prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const entry = database.prepare('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (const id of [1, 2, 3]) {
    environment.run(`environment-${id}`);
    // Not in the order of the key, and with what is longer than a page.
    for (let revision = 300; revision > 0; revision -= 1) {
      const reason = revision % 3 === 0 ? null : `why ${revision} `.repeat(revision * 2);
      change.run(id, revision, 1_000 + revision, 'id', 'Ada "O\'Neil"', 'flag.updated', reason, revision % 2);
      entry.run(
        null,
        revision,
        'id',
        'Ada',
        'flag.updated',
        'flag:a',
        null,
        reason,
        'null',
        `{"${id}":${revision}}`,
      );
    }
  }
  database.exec('DELETE FROM changes WHERE revision < 20');
  const rows = () => ({
    changes: database.prepare('SELECT * FROM changes ORDER BY environment, revision').all(),
    audit: database.prepare('SELECT * FROM audit ORDER BY id').all(),
  });
  const before = rows();
  expect(before.changes).toHaveLength(3 * 281);
  migrate(database, '0003_smaller_commits');
  expect(rows()).toEqual(before);
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(() => change.run(1, 300, 1, 'id', 'Ada', 'flag.updated', null, 0)).toThrow('UNIQUE');
  expect(() => change.run(9, 301, 1, 'id', 'Ada', 'flag.updated', null, 0)).toThrow('FOREIGN KEY');
  expect(() => change.run(1, 301, 1, null, 'Ada', 'flag.updated', null, 0)).toThrow('NOT NULL');
  expect(entry.run(null, 1, 'id', 'Ada', 'a', 's', null, null, 'null', '{}').lastInsertRowid).toBe(901);
  database.close();
});

test('[S38] what was counted before client keys counted is what server keys counted', () => {
  const database = migrated('0000_initial', '0001_exposures');
  database.exec(`INSERT INTO projects VALUES ('shop', 'Shop', '', '2026-01-01', 1)`);
  database.exec(
    `INSERT INTO environments VALUES (1, 'shop', 'production', 'Production', 'e', '2026-01-01', 7, 0, '2026-01-01')`,
  );
  database.exec(
    `INSERT INTO exposures (environment, flag, minute, variation, reason, count) VALUES (1, 'a', 0, 'on', 'SPLIT', 5)`,
  );
  migrate(database, '0002_client_plane');
  expect(database.prepare('SELECT source, count FROM exposures').all()).toEqual([
    { source: 'server', count: 5 },
  ]);
  expect(database.prepare('SELECT revision, secure_mode FROM environments').all()).toEqual([
    { revision: 7, secure_mode: 0 },
  ]);
  database.close();
});
