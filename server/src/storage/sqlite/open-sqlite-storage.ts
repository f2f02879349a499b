import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import type { Storage } from '../storage.ts';
import { StorageFault } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import type { StatementListener } from './database.ts';
import { openDatabase, readHolder } from './database.ts';
import { makeFolder } from './make-folder.ts';
import type { ProcessLock } from './process-lock.ts';
import { acquireProcessLock } from './process-lock.ts';
import { faultOf } from './sqlite-fault.ts';
import { SqliteStorage } from './sqlite-storage.ts';

export interface SqliteStorageOptions {
  /** The database file; it and its folder are made where they are missing. */
  readonly path: string;
  readonly clock: Clock;
  /** Milliseconds between copies of the write-ahead log into the database. Default: 5,000. */
  readonly checkpointIntervalMs?: number;
  /** Hears of rows that cannot be relied on. Default: nobody does. */
  readonly onDamage?: DamageListener;
  /** Hears of commit listeners that throw and checkpoints that fail. Default: nobody does. */
  readonly onBackgroundError?: (error: unknown) => void;
  /**
   * Hears of every statement before it runs, also of those that begin and end a transaction. A statement that it throws
   * at fails. For tests: writing them down costs more than running them. Default: nobody does.
   */
  readonly onStatement?: StatementListener;
}

/**
 * Opens a database file: takes its lock, checks it, brings its tables up to date.
 *
 * @throws StorageFault `unavailable` where another process uses the file or it cannot be opened, `damaged`
 * where its check fails, `full` where there is no space to open it.
 * @example const storage = await openSqliteStorage({ path: './data/dimmer.db', clock: systemClock });
 */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<Storage> {
  const { clock, checkpointIntervalMs = 5_000, onStatement } = options;
  const { onDamage = ignore, onBackgroundError = ignore } = options;
  try {
    const path = realPathOf(options.path);
    const lock = lockOf(path);
    try {
      const holder = { pid: process.pid, host: hostname(), startedAt: clock.now() };
      const database = openDatabase(path, holder, onStatement);
      return new SqliteStorage({
        path,
        database,
        lock,
        clock,
        checkpointIntervalMs,
        onDamage,
        onBackgroundError,
      });
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    throw faultOf(error, options.path);
  }
}

function lockOf(path: string): ProcessLock {
  const lock = acquireProcessLock(path);
  if (lock !== undefined) return lock;
  throw new StorageFault(
    'unavailable',
    `The database ${path} is in use by ${nameOfHolder(path)}. A SQLite file serves one process at a time: stop ` +
      'that process, or give this one another file with DIMMER_DATABASE_URL.',
  );
}

/** Only for the message, so it must not fail: the holder may be about to write its name for the first time. */
function nameOfHolder(path: string): string {
  try {
    const holder = readHolder(path);
    return holder === undefined ? 'another process' : `process ${holder.pid} on host ${holder.host}`;
  } catch {
    return 'another process';
  }
}

/** The one name of a file that is reached through links. */
function realPathOf(path: string): string {
  const absolute = resolve(path);
  makeFolder(dirname(absolute));
  try {
    return realpathSync(absolute);
  } catch {
    return join(realpathSync(dirname(absolute)), basename(absolute));
  }
}

function ignore(): void {}
