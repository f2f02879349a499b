import { PGlite } from '@electric-sql/pglite';
import { drizzle } from 'drizzle-orm/pglite';
import type { ConnectionUse } from '../storage.ts';
import type { Connections, Database, Watch, WatchListener } from './connections.ts';
import { EMPTYING } from './emptying.fixture.ts';
import type { DatabaseTarget } from './postgres-fault.ts';
import { prepareSession } from './session-settings.ts';

export const PGLITE_TARGET: DatabaseTarget = {
  host: 'this process',
  port: 0,
  user: 'postgres',
  database: 'pglite',
};

/** PostgreSQL inside the process: one session, which pieces of work take one after the other. */
export class PgliteServer {
  readonly client = new PGlite();
  #turn: Promise<unknown> = this.client.waitReady.then(() =>
    prepareSession(async (text) => (await this.client.query<Record<string, unknown>>(text)).rows),
  );

  /** Runs work when all that came before has ended. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Takes every row out of the database, as if it were new. */
  async empty(): Promise<void> {
    await this.alone(() => this.client.exec(EMPTYING));
  }
}

/** Connections to it. Closing them leaves the database as it is. */
export class PgliteConnections implements Connections {
  readonly #server: PgliteServer;
  readonly #onStatement: (sql: string) => void;

  constructor(server: PgliteServer, onStatement: (sql: string) => void = () => {}) {
    this.#server = server;
    this.#onStatement = onStatement;
  }

  use<T>(_lane: unknown, work: (database: Database) => Promise<T>): Promise<T> {
    const logger = { logQuery: (sql: string) => this.#onStatement(sql) };
    return this.#server.alone(() => work(drizzle({ client: this.#server.client, logger })));
  }

  useLong<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return this.use('writes', work);
  }

  async watch({ channel, onNotification }: WatchListener): Promise<Watch> {
    const { client } = this.#server;
    const unlisten = channel === undefined ? undefined : await client.listen(channel, onNotification);
    return {
      use: (work) => this.use('reads', work),
      close: async () => unlisten?.(),
    };
  }

  count(): ConnectionUse {
    return { busy: 0, idle: 1, waiting: 0 };
  }

  async close(): Promise<void> {
    // The server outlives them.
  }
}
