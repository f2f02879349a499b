import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import { getRequestListener } from '@hono/node-server';

/** Answers requests. The raw request and response of Node come with each, for answers that stream; a test may leave them out. */
export type Fetch = (request: Request, bindings?: HttpBindings) => Response | Promise<Response>;

/**
 * Looks at a request before anything else does.
 *
 * @param otherwise - Hands the request on, with its body where that has been read.
 */
export type Quick = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  otherwise: (body?: Buffer) => void,
) => void;

/** A socket that answers requests. */
export interface Listener {
  readonly port: number;
  /** Takes no new connection, ends idle ones, and waits for the requests that are under way. */
  close(): Promise<void>;
  /** Ends every connection at once. */
  destroy(): void;
}

/** How long a client may take to send its headers. */
const HEADERS_TIMEOUT_MS = 10_000;

/** How long a client may take to send a whole request. Answers, streams among them, may take longer. */
const REQUEST_TIMEOUT_MS = 30_000;

/** How often connections are checked against the two. */
const CHECK_INTERVAL_MS = 1_000;

/** For how long clients are told that they may keep a connection that they do not use. */
const IDLE_TOLD_MS = 5_000;

/**
 * How much longer it is kept. A request that is sent while the server closes for idleness is lost, and no client may repeat
 * a write on its own: whoever goes by what was told never meets that, also where one of the two is held up.
 */
const IDLE_GRACE_MS = 5_000;

/**
 * How many connections may wait to be taken. Node's own 511 overflows when thousands of SDKs come back at once; the
 * system may allow less (`net.core.somaxconn`).
 */
const BACKLOG = 4_096;

/** How long clients may take. Tests make them shorter. */
export interface ListenTimeouts {
  /** To send the headers of a request, from the connection on: one that never speaks is closed then. */
  readonly headersMs: number;
  /** To send a whole request. */
  readonly requestMs: number;
  /** How often connections are checked against the two. */
  readonly checkMs: number;
  /** To send another request, as they are told; they are given 5 s more. */
  readonly idleMs: number;
}

const TIMEOUTS: ListenTimeouts = {
  headersMs: HEADERS_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  checkMs: CHECK_INTERVAL_MS,
  idleMs: IDLE_TOLD_MS,
};

export interface ListenOptions {
  readonly timeouts?: Partial<ListenTimeouts>;
  /** How many connections may be open; one more is closed as soon as it was taken. Default: any number. */
  readonly connectionsMax?: number;
  /** Hears of each that was closed so. */
  readonly onDropped?: () => void;
  /** Is asked first. Default: hands every request on. */
  readonly quick?: Quick;
}

/**
 * Listens on a TCP port.
 *
 * Give `connectionsMax` below the limit of open files: at that limit the event loop closes new connections without
 * telling anybody, and the database can open no file either.
 *
 * @param address.port - 0 takes any free port.
 * @throws The system's error (EADDRINUSE, EACCES) where the port cannot be had.
 */
export function listen(
  fetch: Fetch,
  address: { readonly host: string; readonly port: number },
  { timeouts = {}, connectionsMax, onDropped = () => {}, quick = handOn }: ListenOptions = {},
): Promise<Listener> {
  const { headersMs, requestMs, checkMs, idleMs } = { ...TIMEOUTS, ...timeouts };
  const options = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    keepAliveTimeout: idleMs + IDLE_GRACE_MS,
  };
  const answer = getRequestListener((request, bindings) => fetch(request, bindings as HttpBindings), {
    overrideGlobalObjects: false,
  });
  const idleTold = `timeout=${Math.floor(idleMs / 1_000)}`;
  const server = createServer(options, (incoming, outgoing) => {
    if (outgoing.shouldKeepAlive) outgoing.setHeader('keep-alive', idleTold);
    quick(incoming, outgoing, (rawBody) => {
      // Where the adapter of the web framework looks for a body that somebody has read before it.
      if (rawBody !== undefined) Object.assign(incoming, { rawBody });
      void answer(incoming, outgoing);
    });
  });
  if (connectionsMax !== undefined) server.maxConnections = connectionsMax;
  server.on('drop', onDropped);
  const connections = trackConnections(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: address.port, host: address.host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve(listenerOf(server, connections));
    });
  });
}

function handOn(...[, , otherwise]: Parameters<Quick>): void {
  otherwise();
}

function listenerOf(server: Server, connections: Connections): Listener {
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        connections.end();
      }),
    destroy: () => server.closeAllConnections(),
  };
}

/** The connections of a server. */
interface Connections {
  /** Ends each as soon as no request of it is under way. */
  end(): void;
}

/**
 * Keeps count of requests by connection. Node's own `closeIdleConnections` leaves those that never sent a
 * request, and each of them would hold up the end.
 */
function trackConnections(server: Server): Connections {
  const requests = new Map<Socket, number>();
  let isEnding = false;
  const count = (socket: Socket, difference: number): void => {
    const before = requests.get(socket);
    // A connection that breaks closes before its answer does: counted again, it would be kept for ever.
    if (before === undefined) return;
    const underWay = before + difference;
    requests.set(socket, underWay);
    if (isEnding && underWay === 0) socket.destroySoon();
  };
  server.on('connection', (socket: Socket) => {
    requests.set(socket, 0);
    socket.once('close', () => requests.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return {
    end: () => {
      isEnding = true;
      for (const socket of [...requests.keys()]) count(socket, 0);
    },
  };
}
