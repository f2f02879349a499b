import { expect, test } from 'vitest';
import { lintPostgres, POSTGRES_RULES } from './lint-postgres.ts';
import { migrationOf } from './migration-file.ts';

const BEFORE = migrationOf(
  '0000_initial',
  'CREATE TABLE flags (key text PRIMARY KEY, note text); CREATE UNIQUE INDEX flags_by_note ON flags (note);',
);

/** Each breaks its rule, and no other. */
const BAD: readonly (readonly [rule: string, sql: string])[] = [
  ['drop', 'DROP TABLE flags'],
  ['drop', 'ALTER TABLE flags DROP COLUMN note'],
  ['drop', 'ALTER TABLE flags DROP CONSTRAINT flags_pkey'],
  ['drop', 'DROP INDEX flags_by_note'],
  ['drop', 'TRUNCATE flags'],
  ['rename', 'ALTER TABLE flags RENAME TO switches'],
  ['rename', 'ALTER TABLE flags RENAME COLUMN note TO remark'],
  ['change-type', 'ALTER TABLE flags ALTER COLUMN note TYPE integer USING note::integer'],
  ['not-null', 'ALTER TABLE flags ADD COLUMN owner text NOT NULL'],
  ['not-null', 'ALTER TABLE flags ALTER COLUMN note SET NOT NULL'],
  ['rewrite', 'ALTER TABLE flags ADD COLUMN made_at timestamptz NOT NULL DEFAULT clock_timestamp()'],
  ['rewrite', 'ALTER TABLE flags ADD COLUMN place bigint GENERATED ALWAYS AS IDENTITY'],
  ['rewrite', 'ALTER TABLE flags ADD COLUMN place bigserial'],
  ['rewrite', 'ALTER TABLE flags ADD COLUMN length integer GENERATED ALWAYS AS (length(note)) STORED'],
  ['constraint', 'ALTER TABLE flags ADD CONSTRAINT short CHECK (length(note) < 100)'],
  ['constraint', 'ALTER TABLE flags ADD CONSTRAINT noted FOREIGN KEY (note) REFERENCES notes (id)'],
  ['constraint', 'ALTER TABLE flags ADD CONSTRAINT once UNIQUE (note)'],
  ['constraint', 'ALTER TABLE flags ADD COLUMN project text REFERENCES projects (key)'],
  ['index-locks', 'CREATE INDEX flags_by_text ON flags (note)'],
  ['index-unique', 'CREATE UNIQUE INDEX CONCURRENTLY flags_once ON flags (note)'],
  ['index-alone', 'CREATE INDEX CONCURRENTLY flags_by_text ON flags (note); CREATE TABLE notes (id text)'],
  ['rows', `UPDATE flags SET note = ''`],
  ['rows', 'DELETE FROM flags'],
  ['settings', `SET lock_timeout = '1h'`],
  ['transaction', 'COMMIT'],
  ['unknown', 'LOCK TABLE flags'],
  ['unknown', 'ALTER TABLE flags CLUSTER ON flags_by_note'],
  ['unknown', 'CREATE TRIGGER t BEFORE INSERT ON flags FOR EACH ROW EXECUTE FUNCTION f()'],
];

test.each(BAD)('[U4] PostgreSQL, %s: %s', async (rule, sql) => {
  expect(await rulesBrokenBy(sql)).toEqual([rule]);
});

test.each([
  'CREATE TABLE notes (id text PRIMARY KEY, body text NOT NULL); CREATE UNIQUE INDEX notes_by_body ON notes (body)',
  'CREATE TABLE notes (flag text); ALTER TABLE notes ADD CONSTRAINT of FOREIGN KEY (flag) REFERENCES flags (key)',
  'ALTER TABLE flags ADD COLUMN owner text',
  `ALTER TABLE flags ADD COLUMN owner text NOT NULL DEFAULT 'nobody'::text`,
  'ALTER TABLE flags ADD COLUMN is_old boolean NOT NULL DEFAULT false, ADD COLUMN weight integer DEFAULT -1',
  'ALTER TABLE flags ADD CONSTRAINT short CHECK (length(note) < 100) NOT VALID',
  'ALTER TABLE flags VALIDATE CONSTRAINT short',
  'CREATE INDEX CONCURRENTLY flags_by_text ON flags (note)',
  `INSERT INTO flags (key) VALUES ('a')`,
])('[U4] PostgreSQL takes what only adds: %s', async (sql) => {
  expect(await rulesBrokenBy(sql)).toEqual([]);
});

test('every rule has a bad example', () => {
  const shown = new Set(BAD.map(([rule]) => rule));
  expect(POSTGRES_RULES.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
});

async function rulesBrokenBy(sql: string): Promise<readonly string[]> {
  const migration = migrationOf('0001_next', sql);
  const found = await lintPostgres([BEFORE, migration]);
  return (found.get(migration) ?? []).map(({ rule }) => rule);
}
