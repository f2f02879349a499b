import { existsSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import SqliteConnection from 'better-sqlite3';
import type { Clock } from '../../platform/clock.ts';
import type { ImageSource, ImageTarget } from '../image.ts';
import { StorageFault } from '../storage.ts';
import { BUSY_TIMEOUT_MS, openDatabase, UNFINISHED_RESTORE, versionOfTables } from './database.ts';
import { lockOf, realPathOf } from './file-lock.ts';
import type { ProcessLock } from './process-lock.ts';
import { faultOf } from './sqlite-fault.ts';
import { firstFilledTable, readRows, rowWriter } from './sqlite-image.ts';

export interface SqliteSourceOptions {
  readonly path: string;
  /** Whether to keep servers off the file meanwhile. Else one may go on writing: what is read is of one moment. */
  readonly exclusive: boolean;
}

/**
 * Opens a database file to read it whole. It writes nothing, and needs no lock to read: readers of other processes see
 * the moment at which they began, and hold up no writer.
 *
 * @throws StorageFault `unavailable` where there is no such file, it is of another version, or exclusive and in use.
 * @example const source = await openSqliteSource({ path: './data/dimmer.db', exclusive: false });
 */
export async function openSqliteSource({ path, exclusive }: SqliteSourceOptions): Promise<ImageSource> {
  return named(path, () => {
    if (!existsSync(path)) throw absent(path);
    const lock = exclusive ? lockOf(realPathOf(path)) : undefined;
    try {
      const client = new SqliteConnection(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
      return sourceOn(client, path, lock);
    } catch (error) {
      lock?.release();
      throw error;
    }
  });
}

function sourceOn(
  client: SqliteConnection.Database,
  path: string,
  lock: ProcessLock | undefined,
): ImageSource {
  try {
    // The moment that is read begins with the first statement of the transaction.
    client.exec('BEGIN');
    assertCurrent(client, path);
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    adapter: 'sqlite',
    rows: () => withFaults(path, readRows(client, path)),
    close: async () => {
      client.close();
      lock?.release();
    },
  };
}

/**
 * Opens a database file to fill it; it is made where there is none.
 *
 * @throws StorageFault `unavailable` where it is in use or has something in it.
 * @example const target = await openSqliteTarget({ path: './data/dimmer.db', clock: systemClock });
 */
export async function openSqliteTarget(options: {
  readonly path: string;
  readonly clock: Clock;
}): Promise<ImageTarget> {
  return named(options.path, () => {
    const path = realPathOf(options.path);
    const lock = lockOf(path);
    try {
      const holder = { pid: process.pid, host: hostname(), startedAt: options.clock.now() };
      if (existsSync(path) && statSync(path).size > 0) assertEmpty(path);
      const { $client: client } = openDatabase(path, holder, { isRestore: true });
      return targetOn(client, path, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  });
}

function targetOn(client: SqliteConnection.Database, path: string, lock: ProcessLock): ImageTarget {
  return {
    adapter: 'sqlite',
    fill: async (rows, verify) => {
      try {
        // Committed ahead of the rows: a server that is started on what a killed restore left must not take it for empty.
        client.exec(`CREATE TABLE IF NOT EXISTS ${UNFINISHED_RESTORE} (id integer)`);
        client.exec('BEGIN IMMEDIATE');
        const write = rowWriter(client);
        for await (const row of rows) write(row);
        await verify(readRows(client, path));
        client.exec(`DROP TABLE ${UNFINISHED_RESTORE}`);
        client.exec('COMMIT');
        client.pragma('wal_checkpoint(TRUNCATE)');
      } catch (error) {
        if (client.inTransaction) client.exec('ROLLBACK');
        throw faultOf(error, path);
      }
    },
    close: async () => {
      client.close();
      lock.release();
    },
  };
}

/** Looked at before anything is opened for writing: a file that is not empty stays exactly as it is. */
function assertEmpty(path: string): void {
  const client = new SqliteConnection(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (versionOfTables(client) === 'none') return;
    assertCurrent(client, path);
    const filled = firstFilledTable(client);
    if (filled !== undefined) throw notEmpty(path, filled);
  } finally {
    client.close();
  }
}

function assertCurrent(client: SqliteConnection.Database, path: string): void {
  const version = versionOfTables(client);
  if (version === 'current') return;
  const detail =
    version === 'none'
      ? `${path} has no tables of Dimmer. Check the path.`
      : version === 'older'
        ? `${path} is of an older version of Dimmer. Start this version's server on it once, or use the dimmer command of ` +
          'the version that runs.'
        : `${path} is of a newer version of Dimmer. Use the dimmer command of that version.`;
  throw new StorageFault('unavailable', detail);
}

function absent(path: string): StorageFault {
  return new StorageFault(
    'unavailable',
    `There is no file ${path}. Check the path; it counts from the folder you are in.`,
  );
}

function notEmpty(path: string, filled: string): StorageFault {
  return new StorageFault(
    'unavailable',
    `${path} is not empty: it has ${filled}. Nothing was written. Give the path of a file that does not exist yet, or move ` +
      `${path}, ${path}-wal and ${path}-shm aside together.`,
  );
}

async function* withFaults<T>(path: string, rows: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* rows;
  } catch (error) {
    throw faultOf(error, path);
  }
}

function named<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw faultOf(error, path);
  }
}
