import type { Registry } from 'prom-client';
import type { Service } from '../http/service.ts';
import type { Clock } from '../platform/clock.ts';
import type { Listener } from '../platform/listen.ts';
import { listen } from '../platform/listen.ts';
import type { Log } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import { within } from '../platform/within.ts';
import type { Settings } from '../settings/settings.ts';
import { connectionsOf } from './server-connections.ts';

/** A service that listens. */
export interface Listening {
  /** Where it answers, as seen from this machine. */
  readonly url: string;
  readonly port: number;
  /** Takes no new requests, ends streams, finishes what is under way, closes the storage. At most 10 s. */
  close(): Promise<void>;
  /**
   * The same without anybody noticing, where other servers take over: `/readyz` says 503 at once, requests are taken
   * for another `drainAcceptMs`, then streams are sent away one by one over `drainSpreadMs`. Takes at most 5 s more
   * than the two. Called a second time, or after {@link RunningServer.close}, it waits for the first.
   */
  drain(): Promise<void>;
}

export interface ListeningParts {
  readonly settings: Pick<Settings, 'host' | 'port' | 'drainAcceptMs' | 'drainSpreadMs'>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly registry: Registry;
  /** See `withinOpenFiles`. */
  readonly openFilesMax?: number;
  /** Closes what the service reads from, when it has ended. */
  readonly closeStore: () => Promise<void>;
}

/** How long requests may go on after the last goodbye, in milliseconds. */
const FINISH_TIMEOUT_MS = 4_000;

/** What is still under way then is cut off. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Opens the socket of a service.
 *
 * @throws The system's error where the port cannot be had; the service is closed then.
 */
export async function listenWith(service: Service, parts: ListeningParts): Promise<Listening> {
  const { settings } = parts;
  const options = { ...connectionsOf(parts), quick: service.quick };
  const listener = await listen(service.fetch, settings, options).catch(async (cause: unknown) => {
    await service.close();
    throw cause;
  });
  const url = urlOf(settings.host, listener.port);
  return { url, port: listener.port, ...endingsOf({ service, listener, parts }) };
}

interface Started {
  readonly service: Service;
  readonly listener: Listener;
  readonly parts: ListeningParts;
}

/** The two ways to end. Whichever is called first is what happens. */
function endingsOf(started: Started): Pick<Listening, 'close' | 'drain'> {
  let ending: Promise<void> | undefined;
  return {
    close: () => (ending ??= closeAll(started)),
    drain: () => (ending ??= drainAll(started)),
  };
}

function closeAll(started: Started): Promise<void> {
  const { service, listener } = started;
  return endWithin(CLOSE_TIMEOUT_MS, started, () => Promise.all([listener.close(), service.close()]));
}

/** Nothing can hold it: what neither speaks nor reads is cut when the time is up. */
async function drainAll(started: Started): Promise<void> {
  const { service, listener, parts } = started;
  const { drainAcceptMs, drainSpreadMs } = parts.settings;
  service.unready();
  // Whoever sends requests here learns of it from the probe, and needs a server that still answers until then.
  if (drainAcceptMs > 0) await new Promise<void>((resolve) => parts.schedule.after(drainAcceptMs, resolve));
  await endWithin(drainSpreadMs + FINISH_TIMEOUT_MS, started, () =>
    Promise.all([listener.close(), service.drain(drainSpreadMs)]),
  );
}

async function endWithin(
  limitMs: number,
  { listener, parts: { schedule, closeStore } }: Started,
  end: () => Promise<unknown>,
): Promise<void> {
  try {
    await within(limitMs, schedule, end());
  } finally {
    listener.destroy();
    await closeStore();
  }
}

function urlOf(host: string, port: number): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
