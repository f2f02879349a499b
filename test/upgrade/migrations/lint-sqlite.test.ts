import { expect, test } from 'vitest';
import { lintSqlite } from './lint-sqlite.ts';
import { migrationOf } from './migration-file.ts';

const BEFORE = migrationOf(
  '0000_initial',
  `CREATE TABLE flags (key text PRIMARY KEY NOT NULL, note text, size integer, UNIQUE (key, size));
   CREATE TABLE remarks (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, flag text DEFAULT 'a' REFERENCES flags(key), size integer CHECK (size > 0));
   CREATE INDEX remarks_by_flag ON remarks (flag);
   CREATE TABLE others (id integer, flag text, size integer)`,
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

const REMARKS = `id integer PRIMARY KEY AUTOINCREMENT NOT NULL, flag text DEFAULT 'a' REFERENCES flags(key), size integer CHECK (size > 0)`;
const COPY = 'INSERT INTO remarks_2 (id, flag, size) SELECT id, flag, size FROM remarks';
const INDEX = 'CREATE INDEX remarks_by_flag ON remarks (flag)';

/** A table made anew under its name. */
function remarksAnew({ columns = REMARKS, end = '', copy = COPY, index = INDEX }): string {
  const steps = [
    `CREATE TABLE remarks_2 (${columns})${end}`,
    copy,
    'DROP TABLE remarks',
    'ALTER TABLE remarks_2 RENAME TO remarks',
    index,
  ];
  return steps.join(';\n--> statement-breakpoint\n');
}

test('[U4] SQLite takes a table that is made anew as it was, every row of it copied', () => {
  expect(rulesBrokenBy(remarksAnew({}))).toEqual([]);
  expect(rulesBrokenBy(remarksAnew({}).replaceAll(/\bnotes(_2)?\b/g, '`remarks$1`'))).toEqual([]);
});

test('[U4] SQLite, made anew: what is kept in another way is said, and nothing else', () => {
  const plain = REMARKS.replace(' AUTOINCREMENT', '');
  expect(rulesBrokenBy(remarksAnew({ columns: plain }))).toEqual(['autoincrement']);
  expect(rulesBrokenBy(remarksAnew({ columns: plain, end: ' WITHOUT ROWID' }))).toEqual([
    'rowid',
    'autoincrement',
  ]);
});

test.each([
  ['some of its rows', { copy: `${COPY} WHERE id > 7` }],
  ['as many rows as fit', { copy: `${COPY} LIMIT 100` }],
  ['no row', { copy: 'INSERT INTO remarks_2 (id, flag) VALUES (1, NULL)' }],
  ['some of its columns', { copy: 'INSERT INTO remarks_2 (id, flag) SELECT id, flag FROM remarks' }],
  ['columns that change places', { copy: COPY.replace('SELECT id, flag, size', 'SELECT size, flag, id') }],
  ['values of its own', { copy: COPY.replace('SELECT id, flag, size', `SELECT id, 'a', size`) }],
  [
    'rows of another table',
    { copy: 'INSERT INTO remarks_2 (id, flag, size) SELECT id, flag, size FROM others' },
  ],
  [
    'a statement in between',
    { copy: `${COPY};\n--> statement-breakpoint\nINSERT INTO remarks VALUES (1, NULL, 1)` },
  ],
  ['no default', { columns: REMARKS.replace(` DEFAULT 'a'`, '') }],
  ['another default', { columns: REMARKS.replace(`'a'`, `'b'`) }],
  ['no reference', { columns: REMARKS.replace(' REFERENCES flags(key)', '') }],
  ['another check', { columns: REMARKS.replace('size > 0', 'size > 1') }],
  ['another collation', { columns: REMARKS.replace('size integer', 'size integer COLLATE NOCASE') }],
  ['no index', { index: 'SELECT 1' }],
  ['an index of other columns', { index: INDEX.replace('(flag)', '(size)') }],
])('[U4] SQLite, made anew with %s: it is a table dropped, and another renamed', (_, changes) => {
  expect(rulesBrokenBy(remarksAnew(changes))).toEqual(expect.arrayContaining(['drop', 'rename']));
});

test('[U4] SQLite, made anew: a table that others refer to is dropped, and with it what refers to its rows', () => {
  const steps = [
    'CREATE TABLE flags_2 (key text PRIMARY KEY NOT NULL, note text, size integer, UNIQUE (key, size))',
    'INSERT INTO flags_2 (key, note, size) SELECT key, note, size FROM flags',
    'DROP TABLE flags',
    'ALTER TABLE flags_2 RENAME TO flags',
  ];
  expect(rulesBrokenBy(steps.join(';\n--> statement-breakpoint\n'))).toEqual(['drop', 'rename']);
});

test('[U4] SQLite, made anew twice: rows that only the second copy leaves out are missed', () => {
  const second = remarksAnew({ copy: `${COPY} WHERE id > 7` });
  const both = `${remarksAnew({})};\n--> statement-breakpoint\n${second}`;
  expect(rulesBrokenBy(both)).toEqual(['drop', 'rename']);
});

function rulesBrokenBy(sql: string): readonly string[] {
  const migration = migrationOf('0001_next', sql);
  return (lintSqlite([BEFORE, migration]).get(migration) ?? []).map(({ rule }) => rule);
}
