import { expect, test } from 'vitest';
import { lintSqlite } from './lint-sqlite.ts';
import { migrationOf } from './migration-file.ts';

const BEFORE = migrationOf(
  '0000_initial',
  'CREATE TABLE flags (key text PRIMARY KEY NOT NULL, note text, size integer, UNIQUE (key, size));',
);

/** Each breaks its rule, and no other: but what was renamed is also gone. */
const BAD: readonly (readonly [rule: string, sql: string])[] = [
  ['drop', 'DROP TABLE flags'],
  ['drop', 'ALTER TABLE flags DROP COLUMN note'],
  ['rename', 'ALTER TABLE flags RENAME TO switches'],
  ['rename', 'ALTER TABLE flags RENAME COLUMN note TO remark'],
  ['rows', `UPDATE flags SET note = ''`],
  ['rows', 'DELETE FROM flags'],
  ['rows', `INSERT OR REPLACE INTO flags VALUES ('a', 'b', 1)`],
  ['settings', 'PRAGMA foreign_keys = OFF'],
  ['index-unique', 'CREATE UNIQUE INDEX flags_by_note ON flags (note)'],
  ['unknown', 'CREATE TRIGGER t AFTER INSERT ON flags BEGIN SELECT 1; END'],
  ['change-type', rebuilt('key text PRIMARY KEY NOT NULL, note integer, size integer, UNIQUE (key, size)')],
  [
    'not-null',
    rebuilt('key text PRIMARY KEY NOT NULL, note text NOT NULL, size integer, UNIQUE (key, size)'),
  ],
  [
    'not-null',
    rebuilt(
      'key text PRIMARY KEY NOT NULL, note text, size integer, owner text NOT NULL, UNIQUE (key, size)',
    ),
  ],
  ['drop', rebuilt('key text PRIMARY KEY NOT NULL, note text, size integer')],
];

/** What a rebuild says of itself is not what is looked at here. */
function rebuilt(columns: string): string {
  const steps = [
    `CREATE TABLE flags_2 (${columns})`,
    'DROP TABLE flags',
    'ALTER TABLE flags_2 RENAME TO flags',
  ];
  return steps.join(';\n--> statement-breakpoint\n');
}

test.each(BAD)('[U4] SQLite, %s: %s', (rule, sql) => {
  const own = sql.includes('RENAME') ? ['drop', 'rename'] : [];
  expect(new Set(rulesBrokenBy(sql))).toEqual(new Set([...own, rule]));
});

test.each([
  'CREATE TABLE notes (id text PRIMARY KEY NOT NULL); CREATE UNIQUE INDEX notes_by_id ON notes (id)',
  'ALTER TABLE flags ADD owner text',
  'ALTER TABLE `flags` ADD COLUMN is_old integer DEFAULT false NOT NULL',
  'CREATE INDEX flags_by_note ON flags (note)',
  `INSERT INTO flags VALUES ('a', 'b', 1)`,
])('[U4] SQLite takes what only adds: %s', (sql) => {
  expect(rulesBrokenBy(sql)).toEqual([]);
});

function rulesBrokenBy(sql: string): readonly string[] {
  const migration = migrationOf('0001_next', sql);
  return (lintSqlite([BEFORE, migration]).get(migration) ?? []).map(({ rule }) => rule);
}
