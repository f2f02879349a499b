import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { FlagDefinition, JsonValue, Report, SnapshotDocument, WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';

/** Answers one request for a stream. */
export type StreamHandler = (stream: ServerStream) => void;

/** A server that speaks the protocol, or anything else, over real sockets. */
export interface StreamServer {
  readonly url: string;
  /** Every request so far. */
  readonly requests: readonly { readonly since: string | null; readonly authorization: string | undefined }[];
  /** How the next requests are answered. */
  handler: StreamHandler;
  /** Streams that are open now. */
  readonly open: ReadonlySet<ServerStream>;
  /** Every report so far. */
  readonly reports: readonly ReceivedReport[];
  /** The status that reports are answered with; 202 at first. */
  reportStatus: number;
  /** Cuts every stream. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

/** A report, and how it came. */
export interface ReceivedReport {
  readonly report: Report;
  readonly encoding: string | undefined;
}

/** The server's end of one stream. */
export class ServerStream {
  readonly since: string | null;
  readonly response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.since = new URL(request.url ?? '/', 'http://server').searchParams.get('since');
    this.response = response;
  }

  /** Answers with a status instead of a stream. */
  refuse(status: number, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, headers).end();
  }

  raw(bytes: string): this {
    if (!this.response.headersSent) {
      this.response.writeHead(200, { 'content-type': 'text/event-stream' });
    }
    this.response.write(bytes);
    return this;
  }

  send(event: string, data: object): this {
    return this.raw(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  hello(
    mode: 'none' | 'delta' | 'full',
    revision: number,
    { epoch = 'e1', heartbeatMs = 15_000 } = {},
  ): this {
    return this.send('hello', { protocol: 1, epoch, revision, mode, heartbeatMs });
  }

  /** Puts these objects and commits them; `all` is everything that there is then. */
  commit(
    revision: number,
    changed: readonly WireObject[],
    all: readonly WireObject[] = changed,
    kill = false,
  ): this {
    for (const object of changed) this.send('put', object);
    const digest = digestOfAll(all);
    const committedAt = new Date(0).toISOString();
    return this.send('commit', { revision, digest, committedAt, ...(kill && { kill }) });
  }

  /** A whole transfer. */
  full(
    revision: number,
    objects: readonly WireObject[],
    options: { readonly heartbeatMs?: number } = {},
  ): this {
    return this.hello('full', revision, options).commit(revision, objects);
  }

  heartbeat(revision: number, all: readonly WireObject[]): this {
    return this.send('heartbeat', { revision, digest: digestOfAll(all), databaseAgeMs: 0 });
  }

  end(): void {
    this.response.end();
  }

  /** Ends without the end of the body, as a crash does. */
  cut(): void {
    this.response.destroy();
  }
}

/** Starts a server on a free port, or on one that was free before. */
export async function streamServer(handler: StreamHandler, port = 0): Promise<StreamServer> {
  const open = new Set<ServerStream>();
  const requests: { since: string | null; authorization: string | undefined }[] = [];
  const reports: ReceivedReport[] = [];
  const state = { handler, reportStatus: 202 };
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      void readReport(request).then((report) => {
        reports.push(report);
        response.writeHead(state.reportStatus).end(JSON.stringify({ now: 0 }));
      });
      return;
    }
    const stream = new ServerStream(request, response);
    requests.push({ since: stream.since, authorization: request.headers.authorization });
    open.add(stream);
    response.on('close', () => open.delete(stream));
    state.handler(stream);
  });
  await listen(server, port);
  const cut = (): void => {
    for (const stream of open) stream.cut();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    open,
    reports,
    cut,
    get reportStatus() {
      return state.reportStatus;
    },
    set reportStatus(next) {
      state.reportStatus = next;
    },
    get handler() {
      return state.handler;
    },
    set handler(next) {
      state.handler = next;
    },
    close: () => {
      cut();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function readReport(request: IncomingMessage): Promise<ReceivedReport> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const encoding = request.headers['content-encoding'];
  const bytes = Buffer.concat(chunks);
  const report: Report = JSON.parse((encoding === 'gzip' ? gunzipSync(bytes) : bytes).toString());
  return { report, encoding };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

/** A flag that serves one value to everybody. */
export function fixedFlag(
  key: string,
  version: number,
  value: JsonValue,
  more: Partial<FlagDefinition> = {},
): FlagDefinition {
  const type = typeof value;
  return {
    kind: 'flag',
    key,
    version,
    type: type === 'boolean' || type === 'string' || type === 'number' ? type : 'json',
    variations: { given: { value }, off: { value: type === 'boolean' ? false : value } },
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'given' },
    ...more,
  };
}

export function snapshotDocument(
  revision: number,
  objects: readonly WireObject[],
  epoch = 'e1',
): SnapshotDocument {
  const committedAt = new Date(0).toISOString();
  return { protocol: 1, epoch, revision, digest: digestOfAll(objects), committedAt, objects };
}
