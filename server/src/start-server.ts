import { Registry } from 'prom-client';
import type { NewSecrets } from './access/bootstrap.ts';
import { bootstrap } from './access/bootstrap.ts';
import type { App, AppParts } from './app.ts';
import { createApp } from './app.ts';
import type { Clock } from './platform/clock.ts';
import { systemClock } from './platform/clock.ts';
import type { Listener } from './platform/listen.ts';
import { listen } from './platform/listen.ts';
import type { Log } from './platform/log.ts';
import type { Random } from './platform/random.ts';
import { systemRandom } from './platform/random.ts';
import type { Schedule } from './platform/schedule.ts';
import { systemSchedule } from './platform/schedule.ts';
import { connectionsOf, withinOpenFiles } from './server-connections.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage/storage.ts';

export interface ServerOptions {
  readonly settings: Settings;
  /** Becomes the server's: it is closed with it, also where starting fails. */
  readonly storage: Storage;
  readonly log: Log;
  readonly version: string;
  /** Where metrics are registered. Default: a registry of the server's own. */
  readonly registry?: Registry;
  /**
   * How many files the process may have open. Connections and streams are kept below it, whatever the settings say.
   * Default: no such limit.
   */
  readonly openFilesMax?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: the system's. */
  readonly random?: Random;
  /** Default: the process's. */
  readonly schedule?: Schedule;
}

/** A server that listens. */
export interface RunningServer {
  /** Where it answers, as seen from this machine. */
  readonly url: string;
  readonly port: number;
  /** Secrets that this start made; they are shown nowhere else. */
  readonly newSecrets: NewSecrets;
  /** Takes no new requests, ends streams, finishes what is under way, closes the storage. At most 10 s. */
  close(): Promise<void>;
  /**
   * The same without anybody noticing, where other servers take over: `/readyz` says 503 at once, requests are taken
   * for another `drainAcceptMs`, then streams are sent away one by one over `drainSpreadMs`. Takes at most 5 s more
   * than the two. Called a second time, or after {@link RunningServer.close}, it waits for the first.
   */
  drain(): Promise<void>;
}

/** How long requests may go on after the last goodbye, in milliseconds. */
const FINISH_TIMEOUT_MS = 4_000;

/** What is still under way then is cut off. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Starts a server in this process: first project and keys, routes, periodic work, socket.
 *
 * @throws StorageFault where the database cannot be used; the system's error where the port cannot be had.
 * @example
 * const storage = new MemoryStorage({ clock: systemClock });
 * const server = await startServer({ settings: { ...settings, port: 0 }, storage, log, version: '0.1.0' });
 * await fetch(`${server.url}/readyz`);
 * await server.close();
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { storage } = options;
  const parts = partsOf(options);
  const { settings } = parts;
  try {
    const newSecrets = await firstSecrets(parts, settings);
    const app = createApp(parts);
    const options = { ...connectionsOf(parts), quick: app.quick };
    const listener = await listen(app.fetch, settings, options).catch(async (cause: unknown) => {
      await app.close();
      throw cause;
    });
    const url = urlOf(settings.host, listener.port);
    return { url, port: listener.port, newSecrets, ...endingsOf({ app, listener, parts }) };
  } catch (cause) {
    await storage.close();
    throw cause;
  }
}

interface ServerParts extends AppParts, Pick<ServerOptions, 'openFilesMax'> {
  readonly settings: Settings;
  readonly registry: Registry;
}

function partsOf(options: ServerOptions): ServerParts {
  const { registry = new Registry(), clock = systemClock } = options;
  const { random = systemRandom, schedule = systemSchedule } = options;
  return { ...options, settings: withinOpenFiles(options), registry, clock, random, schedule };
}

async function firstSecrets({ storage, clock, random }: AppParts, settings: Settings): Promise<NewSecrets> {
  const { bootstrapAdminKey: admin, bootstrapServerKey: server, bootstrapClientKey: client } = settings;
  const made = await bootstrap(storage, { admin, server, client }, { clock, random });
  if (!made.ok) throw new Error(`The first project and keys cannot be made: ${made.rejection.detail}`);
  return made.value;
}

interface Started {
  readonly app: App;
  readonly listener: Listener;
  readonly parts: ServerParts;
}

/** The two ways to end a server. Whichever is called first is what happens. */
function endingsOf(started: Started): Pick<RunningServer, 'close' | 'drain'> {
  let ending: Promise<void> | undefined;
  return {
    close: () => (ending ??= closeAll(started)),
    drain: () => (ending ??= drainAll(started)),
  };
}

function closeAll(started: Started): Promise<void> {
  const { app, listener } = started;
  return endWithin(CLOSE_TIMEOUT_MS, started, () => Promise.all([listener.close(), app.close()]));
}

/** Nothing can hold it: what neither speaks nor reads is cut when the time is up. */
async function drainAll(started: Started): Promise<void> {
  const { app, listener, parts } = started;
  const { drainAcceptMs, drainSpreadMs } = parts.settings;
  app.unready();
  // Whoever sends requests here learns of it from the probe, and needs a server that still answers until then.
  if (drainAcceptMs > 0) await new Promise<void>((resolve) => parts.schedule.after(drainAcceptMs, resolve));
  await endWithin(drainSpreadMs + FINISH_TIMEOUT_MS, started, () =>
    Promise.all([listener.close(), app.drain(drainSpreadMs)]),
  );
}

async function endWithin(
  limitMs: number,
  { listener, parts: { schedule, storage } }: Started,
  end: () => Promise<unknown>,
): Promise<void> {
  let cancel = (): void => {};
  const timeIsUp = new Promise<void>((resolve) => {
    cancel = schedule.after(limitMs, resolve);
  });
  try {
    await Promise.race([end(), timeIsUp]);
  } finally {
    cancel();
    listener.destroy();
    await storage.close();
  }
}

function urlOf(host: string, port: number): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
