import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';
import type { Clock } from '../platform/clock.ts';
import type { ListenOptions } from '../platform/listen.ts';
import type { Log } from '../platform/log.ts';
import { connectionsWithin } from '../platform/open-files.ts';
import type { Settings } from '../settings/settings.ts';

/** How often it is logged at most that connections are dropped, in milliseconds. */
const LOG_EVERY_MS = 60_000;

/**
 * The settings with as many streams as the process has files for. So an SDK too many gets its polite refusal, and
 * not a connection that breaks.
 *
 * @param options.openFilesMax - Left out: the settings as they are.
 */
export function withinOpenFiles<S extends Pick<Settings, 'streamsMax'>>(options: {
  readonly settings: S;
  readonly openFilesMax?: number;
  readonly log: Log;
}): S {
  const { settings, openFilesMax, log } = options;
  if (openFilesMax === undefined) return settings;
  const { streamsMax } = connectionsWithin(openFilesMax);
  if (settings.streamsMax <= streamsMax) return settings;
  log.warn(
    { openFilesMax, streamsMax, DIMMER_STREAMS_MAX: settings.streamsMax },
    'fewer streams are taken than DIMMER_STREAMS_MAX says, because the process may not open enough files: raise ulimit -n',
  );
  return { ...settings, streamsMax };
}

/** How many connections the socket takes, and what becomes of those beyond. */
export function connectionsOf(parts: {
  readonly openFilesMax?: number;
  readonly registry: Registry;
  readonly log: Log;
  readonly clock: Clock;
}): ListenOptions {
  const { openFilesMax, registry, log, clock } = parts;
  const dropped = new Counter({
    name: 'dimmer_connections_dropped_total',
    help: 'Connections that were closed at once, because the process may not open more files.',
    registers: [registry],
  });
  if (openFilesMax === undefined) return {};
  const { connectionsMax } = connectionsWithin(openFilesMax);
  let loggedAt = Number.NEGATIVE_INFINITY;
  const onDropped = (): void => {
    dropped.inc();
    if (clock.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = clock.now();
    log.warn({ connectionsMax, openFilesMax }, 'connections are dropped: raise ulimit -n');
  };
  return { connectionsMax, onDropped };
}
