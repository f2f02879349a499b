import { readFileSync } from 'node:fs';
import SqliteConnection from 'better-sqlite3';
import { expect, test } from 'vitest';

function migrate(database: SqliteConnection.Database, name: string): void {
  database.exec(readFileSync(new URL(`../../../migrations/sqlite/${name}.sql`, import.meta.url), 'utf8'));
}

test('[S38] what was counted before client keys counted is what server keys counted', () => {
  const database = new SqliteConnection(':memory:');
  migrate(database, '0000_initial');
  migrate(database, '0001_exposures');
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
