import pg from 'pg';
import type { Schedule } from '../../platform/schedule.ts';
import type { ConnectionUse } from '../storage.ts';
import { answeredWithin } from './answer-deadline.ts';
import { ConnectFault } from './postgres-fault.ts';

/** How long a connection may take to be made, and a piece of work may wait for one, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** A connection that nobody used for so long is closed, in milliseconds; one stays. */
const IDLE_MS = 60_000;

/** How long a lane makes do with the connections that it has where PostgreSQL has no more, in milliseconds. */
const MAKE_DO_MS = 10_000;

/** The pool has one option for the making of a connection and for the wait for one; here it is for the making only. */
class LaneClient extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  }
}

/** The connections of one lane: made when they are needed, and kept for the next. */
export class LanePool {
  readonly #pool: pg.Pool;
  readonly #size: number;
  readonly #schedule: Schedule;
  /** Connections that were made and are there. The pool counts those that it still asks for too. */
  #open = 0;

  /** @param config - With `onConnect`, which prepares a new connection. */
  constructor(config: pg.PoolConfig, size: number, schedule: Schedule) {
    this.#size = size;
    this.#schedule = schedule;
    this.#pool = new pg.Pool({
      ...config,
      Client: LaneClient,
      connectionTimeoutMillis: 0,
      max: size,
      min: 1,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
    });
    // Idle connections that break are gone from the pool already, and the next use makes new ones.
    this.#pool.on('error', ignore);
    this.#pool.on('connect', (client) => {
      this.#open += 1;
      // A connection in use has no other listener: what breaks it fails its statement too.
      client.on('error', ignore);
    });
    this.#pool.on('remove', () => {
      this.#open -= 1;
    });
  }

  /** @throws ConnectFault where none can be had in time. */
  async connect(): Promise<pg.PoolClient> {
    try {
      return await this.#turn();
    } catch (cause) {
      if (!isNoneLeft(cause) || this.#open === 0) throw connectFault(cause);
      this.#makeDo();
      return this.#turn().catch((second: unknown) => {
        throw connectFault(second);
      });
    }
  }

  count(): ConnectionUse {
    const { totalCount, idleCount: idle, waitingCount: waiting } = this.#pool;
    return { busy: totalCount - idle, idle, waiting };
  }

  /** Resolves when every connection was given back and closed. */
  end(): Promise<void> {
    return this.#pool.end();
  }

  async #turn(): Promise<pg.PoolClient> {
    const turn = this.#pool.connect();
    try {
      return await answeredWithin(CONNECT_TIMEOUT_MS, this.#schedule, () => turn);
    } catch (cause) {
      // What comes too late is for whoever waits next.
      turn.then((client) => client.release(), ignore);
      throw cause;
    }
  }

  /** For a while the lane waits for the connections that it has, rather than ask for others in vain. */
  #makeDo(): void {
    this.#pool.options.max = this.#open;
    this.#schedule.after(MAKE_DO_MS, () => {
      this.#pool.options.max = this.#size;
    });
  }
}

/** That no connection could be had, and why. */
export function connectFault(cause: unknown): ConnectFault {
  return new ConnectFault('A connection could not be had.', { cause });
}

/** too_many_connections: of the server, the database or the user. */
function isNoneLeft(cause: unknown): boolean {
  return cause instanceof pg.DatabaseError && cause.code === '53300';
}

function ignore(): void {}
