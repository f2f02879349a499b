import type { JsonValue, Report, ValueObject } from '@dimmer/schema';
import { digestOfAll, versionOfValue } from '@dimmer/schema';

/** A request that reached the server. */
export interface ReceivedRequest {
  readonly path: string;
  readonly headers: Headers;
  readonly body: {
    readonly context?: { readonly targetingKey?: string };
    readonly hash?: string;
    readonly since?: string;
    readonly digest?: number;
  };
}

interface OpenStream {
  readonly send: (event: string, data: object) => void;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly who: string;
}

export function flagValue(key: string, value: JsonValue | undefined, more: object = {}): ValueObject {
  const type = typeof value;
  const content = {
    kind: 'value' as const,
    key,
    type: type === 'boolean' || type === 'string' || type === 'number' ? type : ('json' as const),
    ...(value !== undefined && { value }),
    variation: value === undefined ? null : 'given',
    reason: 'FALLTHROUGH',
    ...more,
  };
  return { ...content, version: versionOfValue(content) };
}

/** A server that speaks the client protocol, behind a `fetch`. Every context has the same flags, unless told apart. */
export class ValueServer {
  epoch = 'e1';
  revision = 1;
  isDown = false;
  /** New streams say hello, and nothing more until `release`. */
  isSlow = false;
  /** Answers every request with this status instead. */
  refusal: number | undefined;
  readonly requests: ReceivedRequest[] = [];
  readonly reports: (Report & { readonly key: string })[] = [];
  readonly streams = new Set<OpenStream>();
  #values: readonly ValueObject[];
  readonly #own = new Map<string, readonly ValueObject[]>();

  constructor(values: readonly ValueObject[] = []) {
    this.#values = values;
  }

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    if (this.isDown) throw new TypeError('Failed to fetch');
    const path = String(input).replace(/^.*\/client\/v1\//, '');
    const body = JSON.parse(String(init.body));
    this.requests.push({
      path,
      headers: new Request('http://flags.test', { ...init, method: 'POST', signal: null }).headers,
      body,
    });
    if (this.refusal !== undefined) return new Response(null, { status: this.refusal });
    if (path === 'report') {
      this.reports.push(body);
      return Response.json({ now: 0 }, { status: 202 });
    }
    const who: string = body.context.targetingKey ?? '';
    return path === 'evaluate'
      ? this.#evaluate(who, new Headers(init.headers))
      : this.#stream(who, body, init);
  };

  valuesOf(who: string): readonly ValueObject[] {
    return this.#own.get(who) ?? this.#values;
  }

  /** A context with values of its own. */
  give(who: string, values: readonly ValueObject[]): void {
    this.#own.set(who, values);
  }

  /** Other values for everybody: one more revision, one commit per stream. */
  commit(values: readonly ValueObject[]): void {
    const before = this.#values;
    this.#values = values;
    this.revision += 1;
    for (const stream of this.streams) {
      if (!this.#own.has(stream.who)) sendDifference(stream, before, values);
      this.#sendCommit(stream);
    }
  }

  /** The same revision in another epoch, with other values for everybody, on the streams that are open. */
  cross(epoch: string, values: readonly ValueObject[]): void {
    const before = this.#values;
    this.#values = values;
    this.epoch = epoch;
    const { revision } = this;
    for (const stream of this.streams) {
      stream.send('hello', { protocol: 1, epoch, revision, mode: 'delta', heartbeatMs: 15_000 });
      sendDifference(stream, before, values);
      this.#sendCommit(stream);
    }
  }

  heartbeat(): void {
    for (const stream of this.streams) {
      const digest = digestOfAll(this.valuesOf(stream.who));
      stream.send('heartbeat', { revision: this.revision, digest, databaseAgeMs: 0 });
    }
  }

  /** Ends every stream without a word. */
  cut(): void {
    for (const { controller } of [...this.streams]) controller.error(new TypeError('network error'));
    this.streams.clear();
  }

  streamRequests(): readonly ReceivedRequest[] {
    return this.requests.filter(({ path }) => path === 'stream');
  }

  #evaluate(who: string, headers: Headers): Response {
    const etag = `"${this.epoch}:${this.revision}:${`${who}0000000000000000`.slice(0, 16)}"`;
    if (headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers: { etag } });
    const objects = this.valuesOf(who);
    const { epoch, revision } = this;
    const document = { protocol: 1, epoch, revision, digest: digestOfAll(objects), committedAt: AT, objects };
    return Response.json(document, { headers: { etag } });
  }

  #stream(who: string, { since, digest }: ReceivedRequest['body'], { signal }: RequestInit): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stream: OpenStream = { send: sender(controller), controller, who };
        this.streams.add(stream);
        signal?.addEventListener('abort', () => {
          if (this.streams.delete(stream)) controller.error(new DOMException('aborted', 'AbortError'));
        });
        const values = this.valuesOf(who);
        const isSame = since === `${this.epoch}:${this.revision}` && digest === digestOfAll(values);
        const { epoch, revision } = this;
        const mode = isSame ? 'none' : 'full';
        stream.send('hello', { protocol: 1, epoch, revision, mode, heartbeatMs: 15_000 });
        if (isSame) return;
        if (!this.isSlow) this.#transfer(stream);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  /** What slow streams have waited for. */
  release(): void {
    this.isSlow = false;
    for (const stream of this.streams) this.#transfer(stream);
  }

  #transfer(stream: OpenStream): void {
    sendDifference(stream, [], this.valuesOf(stream.who));
    this.#sendCommit(stream);
  }

  #sendCommit(stream: OpenStream): void {
    const digest = digestOfAll(this.valuesOf(stream.who));
    stream.send('commit', { revision: this.revision, digest, committedAt: AT });
  }
}

const AT = '2026-11-21T00:00:00.000Z';

function sender(controller: ReadableStreamDefaultController<Uint8Array>): OpenStream['send'] {
  const encoder = new TextEncoder();
  return (event, data) =>
    controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
}

function sendDifference(
  { send }: OpenStream,
  before: readonly ValueObject[],
  after: readonly ValueObject[],
): void {
  for (const object of after) {
    if (!before.some(({ key, version }) => key === object.key && version === object.version))
      send('put', object);
  }
  for (const { kind, key, version } of before) {
    if (!after.some((object) => object.key === key)) send('delete', { kind, key, version });
  }
}
