import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import type { NewSecrets } from '../access/bootstrap.ts';
import { bootstrap } from '../access/bootstrap.ts';
import type { AppParts } from '../app.ts';
import { createApp } from '../app.ts';
import type { Clock } from '../platform/clock.ts';
import { systemClock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { systemRandom } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { systemSchedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { Settings } from '../settings/settings.ts';
import type { Storage } from '../storage/storage.ts';
import type { Listening } from './listening.ts';
import { listenWith } from './listening.ts';
import { withinOpenFiles } from './server-connections.ts';

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
  /** The file in which kills are kept that are held while the database is away. Default: they end with the process. */
  readonly heldKillsFile?: string | undefined;
  /** Hears of the secrets that this start made once they count, before anything else can fail. Default: nobody does. */
  readonly onNewSecrets?: (secrets: NewSecrets) => void;
  /** Default: no traces. */
  readonly tracing?: Tracing;
  /** By which people tell servers apart. Default: the machine's name. */
  readonly host?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: the system's. */
  readonly random?: Random;
  /** Default: the process's. */
  readonly schedule?: Schedule;
}

/** A server that listens. */
export interface RunningServer extends Listening {
  /** Secrets that this start made; they are shown nowhere else. */
  readonly newSecrets: NewSecrets;
}

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
    options.onNewSecrets?.(newSecrets);
    const app = createApp(parts);
    await app.load();
    const listening = await listenWith(app, { ...parts, closeStore: () => storage.close() });
    return { ...listening, newSecrets };
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
  const { random = systemRandom, schedule = systemSchedule, host = hostname() } = options;
  return { ...options, settings: withinOpenFiles(options), registry, clock, random, schedule, host };
}

async function firstSecrets({ storage, clock, random }: AppParts, settings: Settings): Promise<NewSecrets> {
  const { bootstrapAdminKey: admin, bootstrapServerKey: server, bootstrapClientKey: client } = settings;
  const made = await bootstrap(storage, { admin, server, client }, { clock, random });
  if (!made.ok) throw new Error(`The first project and keys cannot be made: ${made.rejection.detail}`);
  return made.value;
}
