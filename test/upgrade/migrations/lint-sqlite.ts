import SqliteConnection from 'better-sqlite3';
import type { Finding, Migration } from './migration-file.ts';

interface Verb {
  readonly rule: string;
  readonly remedy: string;
  readonly begins: RegExp;
}

/** What a statement may begin with; everything else is refused by the first of {@link VERBS} that fits. */
const HARMLESS = /^(CREATE TABLE|CREATE (UNIQUE )?INDEX|ALTER TABLE \S+ ADD|INSERT INTO)\b/i;

const VERBS: readonly Verb[] = [
  {
    rule: 'drop',
    remedy:
      'stop using it, and drop it one release later, with the reason that nothing reads or writes it any more',
    begins: /^(DROP|ALTER TABLE \S+ DROP)\b/i,
  },
  {
    rule: 'rename',
    remedy: 'add the new one, write both, and drop the old one later',
    begins: /^ALTER TABLE \S+ RENAME\b/i,
  },
  {
    rule: 'rows',
    remedy: 'let servers write rows anew as they use them',
    begins: /^(UPDATE|DELETE|REPLACE|WITH|INSERT OR)\b/i,
  },
  {
    rule: 'settings',
    remedy: 'take it out: the adapter sets them',
    begins: /^(PRAGMA|ATTACH|DETACH|VACUUM)\b/i,
  },
  {
    rule: 'transaction',
    remedy: 'take it out: all migrations of a start are one transaction',
    begins: /^(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i,
  },
  {
    rule: 'unknown',
    remedy: 'teach test/upgrade/migrations/lint-sqlite.ts what it does to a server of the version before',
    begins: /^/,
  },
];

/** A column as SQLite describes it. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
}

/** Columns, and unique indexes by their columns, of every table. */
type Catalog = ReadonlyMap<
  string,
  { readonly columns: readonly Column[]; readonly unique: ReadonlySet<string> }
>;

/**
 * Judges the migrations of SQLite: by what their statements begin with, and by what SQLite itself says of the tables
 * before and after each.
 *
 * @param migrations - All of them, in order.
 * @returns What each of them breaks, exceptions not yet taken.
 */
export function lintSqlite(migrations: readonly Migration[]): ReadonlyMap<Migration, readonly Finding[]> {
  const database = new SqliteConnection(':memory:');
  try {
    const found = new Map<Migration, readonly Finding[]>();
    for (const migration of migrations) {
      const before = catalogOf(database);
      for (const statement of migration.statements) database.exec(statement);
      const differences = differencesOf(before, catalogOf(database));
      found.set(migration, [...migration.statements.flatMap(verbsIn), ...differences]);
    }
    return found;
  } finally {
    database.close();
  }
}

function verbsIn(statement: string): readonly Finding[] {
  if (HARMLESS.test(statement)) return [];
  const verb = VERBS.find(({ begins }) => begins.test(statement));
  return verb === undefined
    ? []
    : [{ rule: verb.rule, problem: `${statement.slice(0, 60)}; ${verb.remedy}` }];
}

/** What a server that knows the tables as they were would notice. */
function differencesOf(before: Catalog, after: Catalog): readonly Finding[] {
  return [...before].flatMap(([table, was]) => {
    const is = after.get(table);
    if (is === undefined) return [{ rule: 'drop', problem: `${table} is gone; the version before uses it` }];
    const changed = was.columns.flatMap((column) => changeOf(table, column, is.columns));
    const unique = [...is.unique].filter((index) => !was.unique.has(index));
    const lost = [...was.unique].filter((index) => !is.unique.has(index));
    const known = new Set(was.columns.map(({ name }) => name));
    const needed = is.columns.filter(
      ({ name, notnull, dflt_value }) => !known.has(name) && notnull === 1 && dflt_value === null,
    );
    return [
      ...changed,
      ...needed.map(({ name }) => ({
        rule: 'not-null',
        problem: `${table}.${name} needs a default; the version before does not write it`,
      })),
      ...unique.map((index) => ({
        rule: 'index-unique',
        problem: `${table} (${index}) must be unique now; the version before may write what that refuses`,
      })),
      ...lost.map((index) => ({
        rule: 'drop',
        problem: `${table} (${index}) need not be unique any more; ON CONFLICT of the version before names it`,
      })),
    ];
  });
}

function changeOf(table: string, was: Column, columns: readonly Column[]): readonly Finding[] {
  const is = columns.find(({ name }) => name === was.name);
  const name = `${table}.${was.name}`;
  if (is === undefined) return [{ rule: 'drop', problem: `${name} is gone; the version before uses it` }];
  return [
    ...(is.type === was.type
      ? []
      : [{ rule: 'change-type', problem: `${name} was ${was.type}, and is ${is.type}` }]),
    ...(is.notnull <= was.notnull
      ? []
      : [{ rule: 'not-null', problem: `${name} takes no null any more; the version before may write one` }]),
  ];
}

function catalogOf(database: SqliteConnection.Database): Catalog {
  const tables = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .pluck()
    .all() as string[];
  return new Map(
    tables.map((table) => {
      const columns = database.pragma(`table_info("${table}")`) as Column[];
      return [table, { columns, unique: uniqueOf(database, table, columns) }];
    }),
  );
}

function uniqueOf(
  database: SqliteConnection.Database,
  table: string,
  columns: readonly Column[],
): ReadonlySet<string> {
  const indexes = database.pragma(`index_list("${table}")`) as { name: string; unique: number }[];
  const unique = indexes
    .filter((index) => index.unique === 1)
    .map(({ name }) =>
      (database.pragma(`index_info("${name}")`) as { name: string }[]).map((column) => column.name),
    );
  const key = columns.filter(({ pk }) => pk > 0).map(({ name }) => name);
  return new Set([...unique, ...(key.length > 0 ? [key] : [])].map((names) => [...names].sort().join(', ')));
}
