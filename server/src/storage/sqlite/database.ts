import { fileURLToPath } from 'node:url';
import SqliteConnection from 'better-sqlite3';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { StorageFault } from '../storage.ts';
import { damaged } from './sqlite-fault.ts';
import { holder } from './tables.ts';

export type Database = BetterSQLite3Database & { readonly $client: SqliteConnection.Database };

/** How long a statement waits for another connection, a backup for example. */
export const BUSY_TIMEOUT_MS = 5_000;

/** The write-ahead log is cut back to this size whenever it has been copied into the database. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The log is copied into the database once it has this many pages (4 KB each), so that it is short when a reader comes who
 * keeps it from being cut. SQLite's own 1,000 would be 4 MB of what the log may have.
 */
const WAL_PAGES_BEFORE_COPY = 250;

/** Where drizzle keeps which migrations were made. */
const MIGRATIONS_TABLE = '__drizzle_migrations';

/** The same relative path from `src` and from `dist`. */
const migrationsFolder = fileURLToPath(new URL('../../../migrations/sqlite', import.meta.url));

/** @param sql - A statement that is about to run, its parameters filled in. */
export type StatementListener = (sql: string) => void;

/** What is written about the process that uses the file, so that the next one can name it. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

export interface OpenOptions {
  readonly onStatement?: StatementListener;
  /** Whether it is opened to be filled: the mark of a restore that was not finished keeps everybody else out. */
  readonly isRestore?: boolean;
}

/** A table that is there while a store is being filled. */
export const UNFINISHED_RESTORE = 'unfinished_restore';

/**
 * Opens the database: checks it, brings its tables up to date, and proves that commits reach the disk.
 *
 * @throws StorageFault `damaged` where the check fails; whatever the driver throws, otherwise.
 */
export function openDatabase(path: string, self: Holder, options: OpenOptions = {}): Database {
  const { onStatement, isRestore = false } = options;
  const client = new SqliteConnection(path, {
    timeout: BUSY_TIMEOUT_MS,
    ...(onStatement && { verbose: (sql) => onStatement(String(sql)) }),
  });
  try {
    configure(client);
    check(client, path);
    if (!isRestore) assertRestored(client, path);
    const database = drizzle({ client });
    migrate(database, { migrationsFolder });
    writeHolder(database, self);
    assertDurable(client, path);
    return database;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** How the tables of a file stand to those that this build knows. */
export function versionOfTables(client: SqliteConnection.Database): 'none' | 'older' | 'current' | 'newer' {
  if (!hasTable(client, MIGRATIONS_TABLE)) return 'none';
  const last = client.prepare(`SELECT max(created_at) FROM ${MIGRATIONS_TABLE}`).pluck().get();
  const known = readMigrationFiles({ migrationsFolder }).at(-1)?.folderMillis ?? 0;
  if (last === null) return 'none';
  return Number(last) === known ? 'current' : Number(last) < known ? 'older' : 'newer';
}

/** Who has the file open, as far as the file says. */
export function readHolder(path: string): Holder | undefined {
  const client = new SqliteConnection(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return drizzle({ client }).select().from(holder).get();
  } finally {
    client.close();
  }
}

/**
 * `synchronous` is set although FULL is the default of SQLite: this driver is built to fall back to NORMAL
 * in WAL mode, where a power cut takes the last commits.
 */
function configure(client: SqliteConnection.Database): void {
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.pragma('foreign_keys = ON');
  client.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`);
  client.pragma(`wal_autocheckpoint = ${WAL_PAGES_BEFORE_COPY}`);
}

function check(client: SqliteConnection.Database, path: string): void {
  const verdict = client.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw damaged(path, String(verdict));
}

function assertRestored(client: SqliteConnection.Database, path: string): void {
  if (!hasTable(client, UNFINISHED_RESTORE)) return;
  throw new StorageFault(
    'unavailable',
    `The database ${path} is what an unfinished restore left, and is empty. Run the restore again; or remove ${path}, ` +
      `${path}-wal and ${path}-shm to begin with nothing.`,
  );
}

function hasTable(client: SqliteConnection.Database, name: string): boolean {
  return client.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(name) !== undefined;
}

function writeHolder(database: Database, self: Holder): void {
  database
    .insert(holder)
    .values({ id: 1, ...self })
    .onConflictDoUpdate({ target: holder.id, set: self })
    .run();
}

/** Asked after the first write, because only then the mode that really counts shows. */
function assertDurable(client: SqliteConnection.Database, path: string): void {
  const required = { journal_mode: 'wal', synchronous: 2, foreign_keys: 1 };
  for (const [pragma, value] of Object.entries(required)) {
    const actual = client.pragma(pragma, { simple: true });
    if (actual === value) continue;
    throw new StorageFault(
      'unavailable',
      `The database ${path} runs with ${pragma} = ${String(actual)} where ${value} is needed for commits to survive ` +
        'a power cut. Put it on a local file system that supports SQLite in WAL mode.',
    );
  }
}
