import type { ProblemDocument } from '@dimmer/schema';
import type { App, Clock, Storage } from '@dimmer/server';
import {
  bootstrap,
  createApp,
  createLog,
  MemoryStorage,
  parseSettings,
  systemRandom,
  systemSchedule,
} from '@dimmer/server';

/** The admin key that every test may use. */
export const ADMIN = `dim_adm_${'a'.repeat(32)}`;
/** Of project `default`, environment `production`. */
export const SERVER = `dim_srv_${'b'.repeat(32)}`;
export const CLIENT = `dim_cli_${'c'.repeat(32)}`;

export const PROJECT = '/api/v1/projects/default';
export const PRODUCTION = `${PROJECT}/environments/production`;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Answers of any route: the tests say what they expect of them.
  // biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form.
  readonly body: any;
}

export interface Ask {
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly text?: string | Uint8Array<ArrayBuffer>;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The server without a socket, over an empty in-memory storage. */
export interface RestHarness {
  readonly app: App;
  readonly storage: Storage;
  readonly clock: Clock & { set(time: number): void };
  readonly log: readonly string[];
  /** @example ask('GET /api/v1/projects') */
  ask(route: string, options?: Ask): Promise<Answer>;
  /** The revision of default/production. */
  revision(): Promise<number>;
  close(): Promise<void>;
}

const START = Date.parse('2026-11-21T09:00:00Z');

/** @param wrap - Puts something between the application and its storage. */
export async function openRest(
  wrap: (storage: Storage) => Storage = (storage) => storage,
): Promise<RestHarness> {
  const clock = manualClock();
  const log: string[] = [];
  const memory = new MemoryStorage({ clock });
  await bootstrap(memory, { admin: ADMIN, server: SERVER, client: CLIENT }, { clock, random: systemRandom });
  const storage = wrap(memory);
  const app = createApp({
    storage,
    settings: defaultSettings(),
    clock,
    random: systemRandom,
    schedule: systemSchedule,
    log: createLog('debug', { write: (line) => void log.push(line) }),
    version: '0.0.0-test',
    host: 'test-host',
  });
  return {
    app,
    storage,
    clock,
    log,
    ask: (route, options) => ask(app, route, options ?? {}),
    revision: async () => (await memory.read('default'))?.environments.get('production')?.revision ?? -1,
    close: async () => {
      await app.close();
      await memory.close();
    },
  };
}

/** What every problem of the API has. */
export function problemOf(answer: Answer): ProblemDocument {
  if (answer.headers.get('content-type') !== 'application/problem+json') {
    throw new Error(`not a problem: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return answer.body;
}

async function ask(app: App, route: string, { json, text, key = ADMIN, headers = {} }: Ask): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const body = json === undefined ? text : JSON.stringify(json);
  const request = new Request(`http://dimmer.test${path}`, {
    method,
    headers: {
      ...(key !== '' && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  });
  const response = await app.fetch(request);
  const answered = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(answered) };
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

function defaultSettings() {
  const result = parseSettings({});
  if (!result.ok) throw new Error('the default settings are refused');
  return result.settings;
}

function manualClock(): RestHarness['clock'] {
  let time = START;
  return {
    now: () => time,
    set: (next) => {
      time = next;
    },
  };
}
