import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';

export const PROJECT = '/api/v1/projects/default';
export const PRODUCTION = `${PROJECT}/environments/production`;

/** A write that was answered, and a flag as it is shown. */
export interface Written {
  readonly revision: number;
}

export interface Asked {
  readonly key?: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks a server, as an administrator unless another key is given. @example ask(server, 'GET /readyz') */
export function ask(server: ServerProcess, route: string, asked: Asked = {}): Promise<Response> {
  const { key = server.adminKey, json, headers } = asked;
  const [method = '', path = ''] = route.split(' ');
  return fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
}

/** Asks, and insists on an answer. */
export async function told<T>(server: ServerProcess, route: string, asked?: Asked): Promise<T> {
  const response = await ask(server, route, asked);
  const text = await response.text();
  if (!response.ok) throw new Error(`${route}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Asks for the snapshot of a revision, and again where the server has asked for patience: it has not seen that yet. */
export async function snapshotOf(server: ServerProcess, revision: number): Promise<Written> {
  for (;;) {
    const response = await ask(server, `GET /sdk/v1/snapshot?min-revision=${revision}`, {
      key: server.serverKey,
    });
    if (response.ok) return (await response.json()) as Written;
    const text = await response.text();
    if (response.status !== 503) throw new Error(`revision ${revision}: ${response.status} ${text}`);
  }
}

/** Makes one more revision. */
export function touch(server: ServerProcess): Promise<Written> {
  const values = [`user-${Math.floor(performance.now() * 1_000)}`];
  return told(server, `PATCH ${PRODUCTION}/flags/checkout`, {
    json: { targets: [{ variation: 'on', values }] },
  });
}

/** One event of a stream, and when it came. */
export interface TimedEvent {
  readonly event: string;
  readonly data: {
    readonly revision?: number;
    readonly mode?: string;
    readonly databaseAgeMs?: number;
    readonly reason?: string;
  };
  readonly at: number;
}

/** A stream that is being read, to its end. */
export interface EventsOfStream {
  readonly status: number;
  readonly events: readonly TimedEvent[];
  /** The highest revision that was told. */
  revision(): number;
  isOpen(): boolean;
  stop(): void;
}

/** Opens a stream of definitions, and reads it. @param query - `?since=…`, or nothing. */
export async function openEvents(
  server: Pick<ServerProcess, 'url' | 'serverKey'>,
  query = '',
): Promise<EventsOfStream> {
  const giveUp = new AbortController();
  const response = await fetch(`${server.url}/sdk/v1/stream${query}`, {
    headers: { authorization: `Bearer ${server.serverKey}` },
    signal: giveUp.signal,
  });
  const events: TimedEvent[] = [];
  let isOpen = response.ok;
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) events.push(eventOf(block));
    }
  };
  read()
    .catch(() => undefined)
    .finally(() => {
      isOpen = false;
    });
  return {
    status: response.status,
    events,
    revision: () => Math.max(-1, ...events.map(({ data }) => data.revision ?? -1)),
    isOpen: () => isOpen,
    stop: () => giveUp.abort(),
  };
}

function eventOf(block: string): TimedEvent {
  const field = (name: string): string =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? '';
  return {
    event: field('event'),
    data: JSON.parse(field('data') || '{}') as TimedEvent['data'],
    at: performance.now(),
  };
}

/** Servers of one database. The first makes its tables and keys; the others start together. */
export async function startFleet(
  urls: readonly string[],
  settings: readonly Readonly<Record<string, string>>[] = [],
): Promise<readonly ServerProcess[]> {
  const made = urls.map((url, index) =>
    createServerProcess(url, { DIMMER_HEARTBEAT_MS: '1000', ...settings[index] }),
  );
  const servers = await Promise.all(made);
  await servers[0]?.start();
  await Promise.all(servers.slice(1).map((server) => server.start()));
  return servers;
}
