import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { freePort } from '../faults/server-process.ts';

/** A TCP proxy before PostgreSQL, which can be away in the two ways that matter: gone, or there and silent. */
export interface PostgresProxy {
  /** The database through it. */
  readonly url: string;
  /** How many connections were asked for since it was made. */
  readonly dials: () => number;
  /** Ends every connection, and refuses new ones. */
  cut(): Promise<void>;
  /** Takes bytes and connections, and answers nothing. */
  hang(): void;
  /** Leads to another server from now on, as an address that was moved. Connections to the one before are ended. */
  moveTo(target: string): void;
  /** Is there again. What hung is ended, as by a restart. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** @param target - The URL of the database. */
export async function createPostgresProxy(target: string): Promise<PostgresProxy> {
  let { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let dials = 0;
  let isHanging = false;
  const server = createServer((client) => {
    dials += 1;
    const upstream = dial(Number(port || 5432), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => isHanging || to.write(bytes));
      from.on('error', () => from.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  // Not any that is free: it has to be so again after a cut.
  const own = await freePort();
  await listenOn(server, own);
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(own);
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const cut = async (): Promise<void> => {
    endAll();
    if (!server.listening) return;
    server.close();
    endAll();
    await once(server, 'close');
  };
  return {
    url: url.href,
    dials: () => dials,
    cut,
    hang: () => {
      isHanging = true;
    },
    moveTo: (next) => {
      ({ hostname, port } = new URL(next));
      endAll();
    },
    mend: async () => {
      isHanging = false;
      endAll();
      if (!server.listening) await listenOn(server, own);
    },
    close: cut,
  };
}

async function listenOn(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
