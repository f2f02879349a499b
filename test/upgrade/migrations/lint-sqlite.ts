import SqliteConnection from 'better-sqlite3';
import type { Finding, Migration } from './migration-file.ts';
import type { Rebuild } from './rebuilds-sqlite.ts';
import { rebuildsIn } from './rebuilds-sqlite.ts';

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

interface Table {
  readonly columns: readonly Column[];
  /** Unique indexes by their columns. */
  readonly unique: ReadonlySet<string>;
  /** What made it, its indexes and its triggers, however it was quoted; {@link HOW_ROWS_LIE} left out. */
  readonly definition: string;
  /** Tables that it refers to. */
  readonly parents: ReadonlySet<string>;
  readonly hasRowid: boolean;
  readonly isAutoincrement: boolean;
}

type Catalog = ReadonlyMap<string, Table>;

/** What a definition says of how rows are kept, and nothing of what they are. Each has a rule of its own. */
const HOW_ROWS_LIE = / autoincrement\b| without rowid$/gi;

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
      const after = catalogOf(database);
      const whole = rebuildsIn(migration.statements).filter((rebuild) =>
        losesNothing(rebuild, before, after),
      );
      const excused = new Set(whole.flatMap(({ places }) => places));
      const verbs = migration.statements.filter((_, place) => !excused.has(place)).flatMap(verbsIn);
      found.set(migration, [...verbs, ...differencesOf(before, after)]);
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

/** Whether a table that was rebuilt has the columns, constraints, indexes and rows that it had. */
function losesNothing({ table, columns }: Rebuild, before: Catalog, after: Catalog): boolean {
  const was = before.get(table);
  if (was === undefined || was.definition !== after.get(table)?.definition) return false;
  // Rows that refer to the table's would be deleted with it, or refuse.
  if ([...before.values()].some(({ parents }) => parents.has(table))) return false;
  return sorted(columns) === sorted(was.columns.map(({ name }) => name));
}

function sorted(names: readonly string[]): string {
  return [...names].sort().join(', ');
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
      ...keepingOf(table, was, is),
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

function keepingOf(table: string, was: Table, is: Table): readonly Finding[] {
  return [
    ...(is.hasRowid || !was.hasRowid
      ? []
      : [{ rule: 'rowid', problem: `${table} has no rowid any more; the version before may ask for it` }]),
    ...(is.isAutoincrement || !was.isAutoincrement
      ? []
      : [{ rule: 'autoincrement', problem: `${table} may give an id anew whose row was deleted` }]),
  ];
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
  const tables = (
    database.pragma('table_list') as { schema: string; name: string; type: string; wr: number }[]
  ).filter(({ schema, name, type }) => schema === 'main' && type === 'table' && !name.startsWith('sqlite_'));
  return new Map(
    tables.map(({ name: table, wr }) => {
      const columns = database.pragma(`table_info("${table}")`) as Column[];
      const made = madeBy(database, table);
      return [
        table,
        {
          columns,
          unique: uniqueOf(database, table, columns),
          definition: made.map((sql) => sql.replace(HOW_ROWS_LIE, '')).join(';\n'),
          parents: parentsOf(database, table),
          hasRowid: wr === 0,
          isAutoincrement: made.some((sql) => /\bautoincrement\b/i.test(sql)),
        },
      ];
    }),
  );
}

function parentsOf(database: SqliteConnection.Database, table: string): ReadonlySet<string> {
  const references = database.pragma(`foreign_key_list("${table}")`) as { table: string }[];
  return new Set(references.map((reference) => reference.table));
}

/** Statements, quotes of names and white space apart, in an order of their own. */
function madeBy(database: SqliteConnection.Database, table: string): readonly string[] {
  const made = database
    .prepare('SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL')
    .pluck()
    .all(table) as string[];
  return made.map((sql) => sql.replaceAll(/["`]/g, '').replaceAll(/\s+/g, ' ').trim()).sort();
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
  return new Set([...unique, ...(key.length > 0 ? [key] : [])].map(sorted));
}
