import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Schedule } from '../../platform/schedule.ts';
import { within } from '../../platform/within.ts';
import type { ConnectionUse } from '../storage.ts';
import { StorageFault } from '../storage.ts';
import { answeredWithin } from './answer-deadline.ts';
import type { Connections, Database, Lane, Watch, WatchListener } from './connections.ts';
import { CLOSE_MS } from './connections.ts';
import { CONNECT_TIMEOUT_MS, connectFault, LanePool } from './lane-pool.ts';
import type { DatabaseTarget } from './postgres-fault.ts';
import { isConnectionDoubtful } from './postgres-fault.ts';
import { prepareSession, STATEMENT_TIMEOUT_MS } from './session-settings.ts';
import { driverUrl } from './tls.ts';

/** When an answer is given up, in milliseconds: PostgreSQL ends a statement before that, unless it hangs. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;

/** The same for the look at the clock's pace, which is quick or tells that the server hangs. */
const WATCH_ANSWER_TIMEOUT_MS = 2_000;

export interface PgConnectionsOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** All connections of this process together, at least {@link CONNECTIONS_MIN}. */
  readonly connectionsMax: number;
  readonly schedule: Schedule;
  /** Hears of every statement before it runs. One that it throws at fails. For tests. */
  readonly onStatement?: (sql: string) => void;
}

/** One for each lane, and one that listens. */
export const CONNECTIONS_MIN = 4;

/**
 * How many connections each lane may have; one more listens. Reports get a tenth, and what is left reads and writes
 * share.
 *
 * @example lanesOf(10) // { reports: 1, writes: 4, reads: 4 }
 */
export function lanesOf(connectionsMax: number): { readonly [lane in Lane]: number } {
  const reports = Math.max(1, Math.floor(connectionsMax / 10));
  const rest = Math.max(2, connectionsMax - 1 - reports);
  const writes = Math.floor(rest / 2);
  return { reports, writes, reads: rest - writes };
}

/** Where a URL leads. @throws StorageFault where it cannot be read, or a file of TLS that it names. */
export function targetOf(url: string): DatabaseTarget {
  try {
    const { host, port, user = '', database = '' } = new pg.Client({ connectionString: driverUrl(url) });
    return { host, port, user, database };
  } catch (error) {
    // Without a cause: to wait would not help.
    throw new StorageFault(
      'unavailable',
      `Its URL cannot be used: ${error instanceof Error ? error.message : String(error)}. Correct DIMMER_DATABASE_URL; ` +
        'sslrootcert, sslcert and sslkey name files that the user of this process may read.',
    );
  }
}

/** Connections of the `pg` driver: a pool for each lane, so that none can take the connections of another. */
export class PgConnections implements Connections {
  readonly #config: pg.ClientConfig;
  readonly #schedule: Schedule;
  readonly #onStatement: ((sql: string) => void) | undefined;
  readonly #pools: { readonly [lane in Lane]: LanePool };
  readonly #busy = new Set<pg.PoolClient>();

  constructor({ url, connectionsMax, schedule, onStatement }: PgConnectionsOptions) {
    this.#config = {
      connectionString: driverUrl(url),
      application_name: 'dimmer',
      keepAlive: true,
      pipeline: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    };
    this.#schedule = schedule;
    this.#onStatement = onStatement;
    const lanes = lanesOf(connectionsMax);
    const onConnect = (client: pg.ClientBase): Promise<void> =>
      answeredWithin(ANSWER_TIMEOUT_MS, schedule, () => prepareClient(client));
    const config = { ...this.#config, onConnect };
    this.#pools = {
      reads: new LanePool(config, lanes.reads, schedule),
      writes: new LanePool(config, lanes.writes, schedule),
      reports: new LanePool(config, lanes.reports, schedule),
    };
  }

  async use<T>(lane: Lane, work: (database: Database) => Promise<T>): Promise<T> {
    const client = await this.#pools[lane].connect();
    this.#busy.add(client);
    try {
      const result = await this.#asked(client, ANSWER_TIMEOUT_MS, work);
      this.#release(client, false);
      return result;
    } catch (error) {
      this.#release(client, isConnectionDoubtful(error));
      throw error;
    }
  }

  async useLong<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const client = new pg.Client(this.#config);
    client.on('error', ignore);
    try {
      await client.connect().catch((cause: unknown) => {
        throw connectFault(cause);
      });
      await prepareClient(client);
      return await work(this.#databaseOf(client));
    } finally {
      await this.#withinClosing(client.end());
    }
  }

  async watch({ channel, onNotification, onEnd }: WatchListener): Promise<Watch> {
    const client = new pg.Client(this.#config);
    let isOpen = true;
    const end = (cause: unknown): void => {
      if (!isOpen) return;
      isOpen = false;
      onEnd(cause);
    };
    client.on('error', end);
    client.on('end', () => end(new Error('The connection has ended.')));
    client.on('notification', ({ payload = '' }) => onNotification(payload));
    try {
      await client.connect();
      await answeredWithin(WATCH_ANSWER_TIMEOUT_MS, this.#schedule, async () => {
        await prepareClient(client);
        if (channel !== undefined) await client.query(`listen ${client.escapeIdentifier(channel)}`);
      });
    } catch (cause) {
      isOpen = false;
      endSoon(client);
      throw connectFault(cause);
    }
    return {
      use: (work) => this.#asked(client, WATCH_ANSWER_TIMEOUT_MS, work),
      close: async () => {
        isOpen = false;
        await this.#withinClosing(client.end());
      },
    };
  }

  count(): ConnectionUse {
    const use = { busy: 0, idle: 0, waiting: 0 };
    for (const pool of Object.values(this.#pools)) {
      const { busy, idle, waiting } = pool.count();
      use.busy += busy;
      use.idle += idle;
      use.waiting += waiting;
    }
    return use;
  }

  async close(): Promise<void> {
    const ended = Promise.all(Object.values(this.#pools).map((pool) => pool.end()));
    if (await this.#withinClosing(ended)) return;
    // What still waits for an answer is cut off.
    for (const client of this.#busy) endSoon(client);
  }

  /** @returns Whether it was done in time. */
  async #withinClosing(closing: Promise<unknown>): Promise<boolean> {
    const isDone = closing.then(alwaysTrue, alwaysTrue);
    return (await within(CLOSE_MS, this.#schedule, isDone)) ?? false;
  }

  #release(client: pg.PoolClient, isDoubtful: boolean): void {
    this.#busy.delete(client);
    client.release(isDoubtful);
  }

  /** @throws ConnectFault where an answer to a statement is overdue. */
  #asked<T>(
    client: pg.PoolClient | pg.Client,
    patienceMs: number,
    work: (database: Database) => Promise<T>,
  ): Promise<T> {
    return answeredWithin(patienceMs, this.#schedule, (onQuestion) =>
      work(this.#databaseOf(client, onQuestion)),
    );
  }

  #databaseOf(client: pg.PoolClient | pg.Client, onQuestion = ignore): Database {
    const logQuery = (sql: string): void => {
      this.#onStatement?.(sql);
      onQuestion();
    };
    return drizzle(client, { logger: { logQuery } });
  }
}

async function prepareClient(client: pg.ClientBase): Promise<void> {
  await prepareSession(async (text) => (await client.query<Record<string, unknown>>(text)).rows);
}

function endSoon(client: pg.ClientBase): void {
  if (client instanceof pg.Client) client.end().catch(ignore);
}

function alwaysTrue(): true {
  return true;
}

function ignore(): void {}
