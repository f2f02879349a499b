import { Registry } from 'prom-client';
import type { Clock } from '../platform/clock.ts';
import { steadyClock, systemClock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { systemRandom } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { systemSchedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import { NO_TRACING } from '../platform/tracing.ts';
import type { Listening } from '../process/listening.ts';
import { listenWith } from '../process/listening.ts';
import { withinOpenFiles } from '../process/server-connections.ts';
import { createRelayApp } from './relay-app.ts';
import { createRelayCache } from './relay-cache.ts';
import type { RelaySettings } from './relay-settings.ts';
import { RelayedEnvironment } from './relayed-environment.ts';

export interface RelayOptions {
  readonly settings: RelaySettings;
  /** How it is called in the list of instances. */
  readonly name: string;
  readonly log: Log;
  readonly version: string;
  /** Where metrics are registered. Default: a registry of the relay's own. */
  readonly registry?: Registry;
  /** Default: no traces. */
  readonly tracing?: Tracing;
  /** How many files the process may have open. Default: no such limit. */
  readonly openFilesMax?: number;
  /** Default: the system's, as with all that follow. */
  readonly clock?: Clock;
  readonly steady?: Clock;
  readonly random?: Random;
  readonly schedule?: Schedule;
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Starts a relay in this process: it reads its cache, begins to follow, and listens, whether or not the upstream is
 * there.
 *
 * @throws The system's error where the port cannot be had.
 * @example const relay = await startRelay({ settings, name: 'eu-west', log, version: '0.1.0' });
 */
export async function startRelay(options: RelayOptions): Promise<Listening> {
  const { registry = new Registry(), clock = systemClock, steady = steadyClock } = options;
  const { random = systemRandom, schedule = systemSchedule, fetch = globalThis.fetch } = options;
  const { tracing = NO_TRACING } = options;
  const settings = withinOpenFiles(options);
  const parts = { ...options, settings, registry, tracing, clock, steady, random, schedule };
  const app = createRelayApp({
    ...parts,
    upstreamUrl: settings.upstream,
    glass: { secret: settings.breakGlassKey, folder: settings.cache, fetch },
    follow: (onMoved) =>
      settings.keys.map((key) => {
        const upstream = { url: settings.upstream, key, fetch, wallNow: () => clock.now() };
        const cache = createRelayCache({ ...parts, folder: settings.cache, upstream });
        return new RelayedEnvironment({ ...parts, upstream, cache, onMoved });
      }),
  });
  await app.load();
  await Promise.all(app.environments.map((followed) => followed.start()));
  return listenWith(app, { ...parts, closeStore: () => Promise.resolve() });
}
