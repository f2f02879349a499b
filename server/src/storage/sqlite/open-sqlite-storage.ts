import { hostname } from 'node:os';
import type { Clock } from '../../platform/clock.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { Storage } from '../storage.ts';
import type { StatementListener } from './database.ts';
import { openDatabase } from './database.ts';
import { lockOf, realPathOf } from './file-lock.ts';
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
      const database = openDatabase(path, holder, { ...(onStatement && { onStatement }) });
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

function ignore(): void {}
