import { get } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { vi } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { systemClock } from '../platform/clock.ts';
import { systemSchedule } from '../platform/schedule.ts';
import type { RunningServer } from '../process/start-server.ts';
import { startServer } from '../process/start-server.ts';
import { parseSettings } from '../settings/settings.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { Storage } from '../storage/storage.ts';

const ADMIN = `dim_adm_${'a'.repeat(32)}`;
export const SERVER = `dim_srv_${'b'.repeat(32)}`;
export const PRODUCTION = '/api/v1/projects/default/environments/production';

/** One event of a live stream. */
export interface ReadLiveEvent {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
  readonly data: any;
}

/** A live stream that is being read, or the answer that refused it. */
export interface LiveReader {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly events: ReadLiveEvent[];
  /** Of the body so far. */
  text(): string;
  /** What came of one event. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
  data(event: string): any[];
  readonly ended: Promise<void>;
  stop(): void;
}

/** A whole server on a real port, over a storage in memory. */
export interface LiveServer {
  readonly server: RunningServer;
  readonly storage: MemoryStorage;
  /** The time, where the test decides it. */
  readonly time: ManualSchedule;
  /** @returns What was answered. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
  ask(route: string, json?: object, key?: string): Promise<any>;
  /** Makes a revision of production. @returns Its number. */
  commit(): Promise<number>;
  /** Tells that an instance is at a revision. */
  report(id: string, revision: number): Promise<void>;
  live(options?: {
    query?: string;
    key?: string;
    lastEventId?: string;
    method?: string;
  }): Promise<LiveReader>;
  /** Asks for a live stream and reads nothing of it. @returns Ends the connection. */
  stall(): () => void;
  metric(name: string): Promise<number | undefined>;
}

const starting: LiveServer[] = [];

/** @param options.manual - Time passes when the test says so. */
export async function startLiveServer(
  options: { manual?: boolean; environment?: object; wrap?: (storage: Storage) => Storage } = {},
): Promise<LiveServer> {
  const { manual = false, environment = {}, wrap = (storage) => storage } = options;
  const time = new ManualSchedule();
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_DRAIN_ACCEPT_MS: '0',
    DIMMER_DRAIN_SPREAD_MS: '0',
    ...environment,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const registry = new Registry();
  const storage = new MemoryStorage({ clock: manual ? time : systemClock });
  const server = await startServer({
    settings: parsed.settings,
    storage: wrap(storage),
    log: pino({ level: 'silent' }),
    version: '0.0.0-test',
    registry,
    clock: manual ? time : systemClock,
    schedule: manual ? time : systemSchedule,
  });
  const ask: LiveServer['ask'] = async (route, json, key = ADMIN) => {
    const [method = '', path = ''] = route.split(' ');
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    const body = text === '' ? null : JSON.parse(text);
    if (!response.ok) throw new Error(`${route}: ${response.status} ${text}`);
    return body;
  };
  let flags = 0;
  const it: LiveServer = {
    server,
    storage,
    time,
    ask,
    commit: async () => {
      flags += 1;
      const edits = [{ edit: 'createFlag', flag: { key: `flag-${flags}` } }];
      return (await ask(`POST ${PRODUCTION}/changes`, { edits })).revision;
    },
    report: async (id, revision) => {
      const epoch = (await storage.read('default'))?.environments.get('production')?.environment.epoch;
      const instance = { id, sdk: { name: 'sdk', version: '1' }, runningMs: 60_000 };
      const status = { state: 'LIVE', mode: 'stream', epoch, revision, ageMs: 0, clockOffsetMs: null };
      await ask('POST /sdk/v1/report', { instance, status }, SERVER);
    },
    live: (asked = {}) => readLive(server, asked),
    stall: () => {
      const socket = connect({ port: server.port, host: '127.0.0.1' });
      socket.pause();
      socket.on('error', () => {});
      socket.write(`GET ${PRODUCTION}/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN}\r\n\r\n`);
      return () => socket.destroy();
    },
    metric: async (name) => {
      const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
  };
  starting.push(it);
  return it;
}

/** Ends every server that was started. */
export async function stopLiveServers(): Promise<void> {
  await Promise.all(
    starting.splice(0).map(async ({ server, time }) => {
      const closed = server.close();
      const passing = setInterval(() => time.pass(1_000), 5);
      await closed;
      clearInterval(passing);
    }),
  );
}

function readLive(
  { port }: RunningServer,
  { query = '', key = ADMIN, lastEventId, method = 'GET' }: Parameters<LiveServer['live']>[0] & object,
): Promise<LiveReader> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  };
  const path = `${PRODUCTION}/live${query}`;
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, headers, method, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const events: ReadLiveEvent[] = [];
      let text = '';
      let read = 0;
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        for (let end = text.indexOf('\n\n', read); end !== -1; end = text.indexOf('\n\n', read)) {
          events.push(eventOf(text.slice(read, end)));
          read = end + 2;
        }
      });
      response.on('error', () => {});
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        events,
        text: () => text,
        data: (event) => events.filter((one) => one.event === event).map(({ data }) => data),
        ended: new Promise((done) => response.on('close', done)),
        stop: () => request.destroy(),
      });
    });
  });
}

function eventOf(block: string): ReadLiveEvent {
  const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
  return {
    event: fields.get('event') ?? '',
    id: fields.get('id'),
    data: JSON.parse(fields.get('data') ?? ''),
  };
}

/** Waits until something holds, and long enough for a machine that is busy with other tests. */
export function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly timeout: number; readonly interval?: number } = { timeout: 20_000 },
): Promise<T> {
  return vi.waitFor(check, options);
}
