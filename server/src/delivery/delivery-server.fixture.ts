import { createServer, get } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import { answerFault } from '../http/fault.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { systemRandom } from '../platform/random.ts';
import { ChangeLog, ENVIRONMENT } from './change-log.fixture.ts';
import type { Delivery, DeliveryOptions } from './delivery.ts';
import { createDelivery } from './delivery.ts';
import type { DeliveryEnv } from './delivery-env.ts';
import { deliveryRoutes } from './delivery-routes.ts';
import { ManualSchedule, settle } from './manual-schedule.fixture.ts';
import { Reader } from './reader.fixture.ts';

export const HEARTBEAT_MS = 15_000;

/** What a delivery is set to where a test says nothing else. */
export const DELIVERY_SETTINGS = {
  random: systemRandom,
  heartbeatMs: HEARTBEAT_MS,
  streamAgeMs: 3_600_000,
  limits: {
    streamsMax: 1_000,
    streamsPerKeyMax: 1_000,
    streamsPerSecondMax: 1_000,
    clientStreamsShare: 80,
  },
};

const silentLog = pino({ level: 'silent' });

/** A real server on a real port, over a change log and a time that the test controls. */
export interface DeliveryServer {
  readonly log: ChangeLog;
  readonly time: ManualSchedule;
  readonly delivery: Delivery;
  readonly port: number;
  readonly url: string;
  /** The value of a metric, with its labels as in the exposition. */
  metric(name: string): Promise<number | undefined>;
  /** How many sockets the server holds. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export async function startDelivery(
  environment: EnvironmentRef = ENVIRONMENT,
  settings: Partial<typeof DELIVERY_SETTINGS> & Pick<DeliveryOptions, 'holder'> = {},
): Promise<DeliveryServer> {
  const log = new ChangeLog();
  const time = new ManualSchedule();
  const metrics = new Registry();
  const delivery = createDelivery({
    storage: log,
    clock: time,
    schedule: time,
    log: silentLog,
    metrics,
    ...DELIVERY_SETTINGS,
    ...settings,
  });
  const server = createServer(getRequestListener(appOf(delivery, environment).fetch));
  // Long enough that a socket which is only left to it fails a test.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    log,
    time,
    delivery,
    port,
    url: `http://127.0.0.1:${port}/sdk/v1`,
    metric: async (name) => {
      const line = (await metrics.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    stop: async () => {
      const closed = delivery.close();
      await settle();
      time.pass(1_000);
      await closed;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function appOf(delivery: Delivery, environment: EnvironmentRef): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>().onError(answerFault(silentLog, 'The database does not answer.'));
  app.use(async (c, next) => {
    c.set('requestId', 'request-1');
    await next();
  });
  const authenticate: MiddlewareHandler<DeliveryEnv> = async (c, next) => {
    c.set('environment', environment);
    c.set('keyId', c.req.header('authorization') ?? 'none');
    await next();
  };
  return app.route('/sdk/v1', deliveryRoutes(delivery, authenticate));
}

/** A stream that is being read. */
export interface OpenStream {
  readonly reader: Reader;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly ended: Promise<void>;
  stop(): void;
}

/** Opens a stream and reads it, whole events at a time. */
export function openStream(
  { port }: DeliveryServer,
  options: { since?: string; lastEventId?: string; reader?: Reader; keyId?: string } = {},
): Promise<OpenStream> {
  const query = options.since === undefined ? '' : `?since=${encodeURIComponent(options.since)}`;
  const headers = {
    ...(options.lastEventId !== undefined && { 'last-event-id': options.lastEventId }),
    ...(options.keyId !== undefined && { authorization: options.keyId }),
  };
  const reader = options.reader ?? new Reader();
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: `/sdk/v1/stream${query}`, headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let rest = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        const end = (rest + text).lastIndexOf('\n\n') + 2;
        const all = rest + text;
        if (end > 1) reader.read(all.slice(0, end));
        rest = end > 1 ? all.slice(end) : all;
      });
      const ended = new Promise<void>((done) => response.on('close', done));
      response.on('error', () => {});
      resolve({ reader, headers: response.headers, ended, stop: () => request.destroy() });
    });
  });
}

/** A peer that asks for a stream and reads nothing until it is told to. */
export class StalledPeer {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];

  constructor({ port }: DeliveryServer) {
    this.#socket = connect({ port, host: '127.0.0.1' });
    this.#socket.pause();
    this.#socket.on('data', (chunk) => this.#chunks.push(chunk));
    this.#socket.on('error', () => {});
    this.#socket.write('GET /sdk/v1/stream HTTP/1.1\r\nhost: x\r\n\r\n');
  }

  resume(): void {
    this.#socket.resume();
  }

  stop(): void {
    this.#socket.destroy();
  }

  /** Everything received so far that is whole, without HTTP's framing. */
  read({ mayCross = false } = {}): Reader {
    const [, body = ''] = splitOnce(Buffer.concat(this.#chunks).toString('latin1'), '\r\n\r\n');
    const text = dechunk(body);
    const reader = new Reader();
    reader.mayCross = mayCross;
    reader.read(text.slice(0, text.lastIndexOf('\n\n') + 2));
    return reader;
  }
}

function dechunk(body: string): string {
  const pieces: string[] = [];
  for (let rest = body; ; ) {
    const [size, after = ''] = splitOnce(rest, '\r\n');
    const length = Number.parseInt(size ?? '', 16);
    if (!(length > 0)) return pieces.join('');
    pieces.push(after.slice(0, length));
    rest = after.slice(length + 2);
  }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
