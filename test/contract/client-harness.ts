import type { Message, ValueSnapshot } from '@dimmer/schema';
import { decodeValueMessage, decodeValueSnapshot } from '@dimmer/schema';
import type { Clock, RunningServer, Storage } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, startServer } from '@dimmer/server';
import { ADMIN, CLIENT, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const START = Date.parse('2026-11-21T09:00:00Z');

/** A real server with a client key, over a memory storage and a time that stands still. */
export interface ClientHarness {
  readonly server: RunningServer;
  /** The log, line by line. */
  readonly log: readonly string[];
  readonly clock: Clock;
  pass(ms: number): void;
  /** A request of an administrator that has to succeed. */
  admin(route: string, json?: unknown): Promise<unknown>;
  /** Deletes, as an administrator. */
  remove(path: string): Promise<void>;
  /** A flag that browsers see, on for everybody unless the configuration says otherwise. */
  flag(key: string, configuration?: object, fields?: object): Promise<void>;
  configure(key: string, configuration: object): Promise<void>;
  evaluate(context: unknown, options?: AskOptions): Promise<Response>;
  /** What {@link ClientHarness.evaluate} answers with, decoded. */
  values(context: unknown): Promise<ValueSnapshot>;
  post(path: string, body: unknown, options?: AskOptions): Promise<Response>;
  stream(body: object, options?: AskOptions): Promise<ClientStream>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Beside the context. */
  readonly fields?: object;
}

/** A stream that is being read. */
export interface ClientStream {
  readonly response: Response;
  /** Every event so far, with its SSE id. */
  readonly events: { readonly id: string | undefined; readonly message: Message<unknown> }[];
  /** Everything as it came. */
  text(): string;
  /** Waits for a commit at `revision` or later, or for any other message that fits. */
  until(fits: (message: Message<unknown>) => boolean): Promise<Message<unknown>>;
  stop(): void;
}

/** @param wrap - Puts something between the server and its storage. */
export async function openClient(
  environment: Record<string, string> = {},
  wrap: (storage: Storage) => Storage = (storage) => storage,
): Promise<ClientHarness> {
  let now = START;
  const clock = { now: () => now };
  const log: string[] = [];
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT,
    ...environment,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const server = await startServer({
    settings: parsed.settings,
    storage: wrap(new MemoryStorage({ clock })),
    log: createLog('debug', { write: (line) => void log.push(line) }),
    version: '0.0.0-test',
    clock,
  });
  const ask = (route: string, body: unknown, { key, headers }: AskOptions): Promise<Response> => {
    const [method = '', path = ''] = route.split(' ');
    return fetch(`${server.url}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key !== '' && { authorization: `Bearer ${key ?? CLIENT}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  };
  const admin = async (route: string, json?: unknown): Promise<unknown> => {
    const response = await ask(route, json, { key: ADMIN });
    if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
    return response.json();
  };
  const configure = async (key: string, configuration: object): Promise<void> => {
    await admin(`PATCH ${PRODUCTION}/flags/${key}`, configuration);
  };
  const post = (path: string, body: unknown, options: AskOptions = {}): Promise<Response> =>
    ask(`POST ${path}`, body, options);
  return {
    server,
    log,
    clock,
    pass: (ms) => {
      now += ms;
    },
    admin,
    remove: async (path) => {
      const { ok, status } = await ask(`DELETE ${path}`, undefined, { key: ADMIN });
      if (!ok) throw new Error(`DELETE ${path}: ${status}`);
    },
    flag: async (key, configuration = { enabled: true }, fields = {}) => {
      await admin(`POST ${PROJECT}/flags`, { key, type: 'boolean', exposeToClients: true, ...fields });
      await configure(key, configuration);
    },
    configure,
    post,
    values: async (context) => {
      const answer = await post('/client/v1/evaluate', { context });
      const decoded = decodeValueSnapshot(await answer.json());
      if (decoded.outcome !== 'decoded') throw new Error(`not a snapshot: ${answer.status}`);
      return decoded.value;
    },
    evaluate: (context, options = {}) => post('/client/v1/evaluate', { context, ...options.fields }, options),
    stream: async (body, options = {}) => readStream(await post('/client/v1/stream', body, options)),
    close: () => server.close(),
  };
}

/** Reads an answer as a stream of values. */
export function readStream(response: Response): ClientStream {
  if (!response.ok || response.body === null) throw new Error(`no stream: ${response.status}`);
  const reader = response.body.getReader();
  const events: ClientStream['events'] = [];
  const waiting = new Set<() => void>();
  let text = '';
  let read = 0;
  const take = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      text += decoder.decode(chunk.value, { stream: true });
      for (let end = text.indexOf('\n\n', read); end !== -1; end = text.indexOf('\n\n', read)) {
        events.push(eventOf(text.slice(read, end)));
        read = end + 2;
      }
      for (const look of waiting) look();
    }
  };
  void take().catch(() => {});
  return {
    response,
    events,
    text: () => text,
    until: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = events.find(({ message }) => fits(message));
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found.message);
        };
        waiting.add(look);
        look();
      }),
    stop: () => void reader.cancel().catch(() => {}),
  };
}

function eventOf(frame: string): ClientStream['events'][number] {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
  const decoded = decodeValueMessage(field('event') ?? '', field('data') ?? '');
  if (decoded.outcome !== 'decoded') throw new Error(`${decoded.outcome}: ${frame}`);
  return { id: field('id'), message: decoded.value };
}
