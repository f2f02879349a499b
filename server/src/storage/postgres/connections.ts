import type { Assume } from 'drizzle-orm';
import { sql } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { ConnectionUse } from '../storage.ts';
import { isConnectionDoubtful } from './postgres-fault.ts';

interface Rows<Row> {
  readonly rows: Row[];
}

interface RowsHKT extends PgQueryResultHKT {
  readonly type: Rows<Assume<this['row'], Record<string, unknown>>>;
}

/** One connection, as drizzle sees it. */
export type Database = PgDatabase<RowsHKT>;

/**
 * What a piece of work takes its connection for. Each kind has connections of its own, so that none waits for another:
 * reports may flood, and writes may wait for locks, while streams and evaluations go on reading.
 */
export type Lane = (typeof LANES)[number];

export const LANES = ['reads', 'writes', 'reports'] as const;

/** A connection of its own for what comes in between: notifications, and the look at the clock's pace. */
export interface Watch {
  use<T>(work: (database: Database) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface WatchListener {
  /** The channel to listen on; `undefined`: none. */
  readonly channel: string | undefined;
  readonly onNotification: (payload: string) => void;
  /** The connection is gone. Not told after {@link Watch.close}. */
  readonly onEnd: (cause: unknown) => void;
}

/** The connections to one PostgreSQL database. The port between the adapter and a driver. */
export interface Connections {
  /** Runs work on a connection. @throws What the driver throws, and what the work throws. */
  use<T>(lane: Lane, work: (database: Database) => Promise<T>): Promise<T>;
  /** Runs work that may take long, on a connection of its own that ends with it. */
  useLong<T>(work: (database: Database) => Promise<T>): Promise<T>;
  watch(listener: WatchListener): Promise<Watch>;
  /** How they are used now. */
  count(): ConnectionUse;
  /** Resolves within {@link CLOSE_MS}, whether or not the server answers. */
  close(): Promise<void>;
}

/** How long closing waits for work that is under way, in milliseconds. What is left then is cut off. */
export const CLOSE_MS = 3_000;

/**
 * Runs work in one transaction.
 *
 * Statements of one connection are carried out in the order in which they are sent, and may be sent before the answer of
 * the last is there, which saves its way. `execute()` sends at once; a query that is awaited is sent a moment later.
 *
 * @param kind - `write`: read committed, which sees what was committed before each statement, once the locks are held.
 * `snapshot`: everything as it was at one moment, read only.
 * @param work - Gets the answer to BEGIN, and writes nothing before it is there.
 */
export async function inTransaction<T>(
  database: Database,
  kind: 'write' | 'snapshot',
  work: (begun: Promise<unknown>) => Promise<T>,
): Promise<T> {
  const begun = database
    .execute(
      kind === 'write'
        ? sql`begin isolation level read committed`
        : sql`begin isolation level repeatable read read only`,
    )
    .execute();
  try {
    // Of two failures the one of BEGIN is told; nothing of the work is left under way.
    const [first, second] = await Promise.allSettled([begun, work(begun)]);
    if (first.status === 'rejected') throw first.reason;
    if (second.status === 'rejected') throw second.reason;
    await database.execute(sql`commit`);
    return second.value;
  } catch (error) {
    // A connection that may still be busy is thrown away, and its transaction with it.
    if (!isConnectionDoubtful(error)) await database.execute(sql`rollback`);
    throw error;
  }
}
