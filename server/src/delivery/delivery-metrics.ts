import type { Registry } from 'prom-client';
import { Histogram } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { MetricName } from '../platform/metrics.ts';
import { registerReadings, registerTotal, registerTotals } from '../platform/metrics.ts';
import type { CopySize } from './copy-size.ts';
import type { DeliveryCounts } from './delivery-counts.ts';

/** Where an environment is that delivery follows, and how much it holds. */
export interface EnvironmentReading {
  readonly environment: EnvironmentRef;
  readonly epoch: string;
  readonly revision: number;
  /** ISO 8601, of the revision. */
  readonly committedAt: string;
  readonly size: () => CopySize;
}

/** What the metrics ask for when they are collected. */
export interface DeliveryReadings {
  readonly counts: DeliveryCounts;
  readonly streams: () => Iterable<{ readonly environment: EnvironmentRef; readonly count: number }>;
  readonly environments: () => Iterable<EnvironmentReading>;
  readonly databaseAgeMs: () => number;
  readonly ready: () => boolean;
  /** How many environments SDKs may ask for that are not held. */
  readonly missing: () => number;
  /** How many environments have readers that are ahead of the database. */
  readonly readersAhead: () => number;
}

/**
 * Registers the metrics of delivery. Nearly all of them are read from plain numbers when somebody collects
 * them, so that a stream costs nothing.
 *
 * @returns Takes the lag of one published revision: from its commit to the last stream's write, in milliseconds.
 */
export function registerDeliveryMetrics(
  registry: Registry,
  readings: DeliveryReadings,
): (lagMs: number) => void {
  registerOpen(registry, { name: 'dimmer_streams', help: 'Open streams.' }, readings.streams);
  registerReadings(registry, [], SERVER_GAUGES, () => [{ labels: {}, values: serverValues(readings) }]);
  registerEnvironments(registry, readings.environments);
  registerCounts(registry, readings.counts);
  const lag = new Histogram({
    name: 'dimmer_feed_lag_seconds',
    help: 'From a commit to the last write of its fan-out.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  return (lagMs) => lag.observe(Math.max(0, lagMs) / 1000);
}

const SERVER_GAUGES = {
  dimmer_database_age_seconds: 'Time since the database last answered.',
  dimmer_ready: '1 while /readyz answers 200, else 0.',
  dimmer_environments_missing:
    'Environments that keys open and that this server does not hold: in an outage of the database it could not serve them.',
  dimmer_environments_behind_readers:
    'Environments of which an SDK knows revisions that the database does not have: anything but 0 is a loss, or a lie.',
} as const;

function serverValues(readings: DeliveryReadings): Record<keyof typeof SERVER_GAUGES, number> {
  const { databaseAgeMs, ready, missing, readersAhead } = readings;
  return {
    dimmer_database_age_seconds: databaseAgeMs() / 1000,
    dimmer_ready: ready() ? 1 : 0,
    dimmer_environments_missing: missing(),
    dimmer_environments_behind_readers: readersAhead(),
  };
}

const ENVIRONMENT_GAUGES = {
  dimmer_environment_revision: 'The revision that the server delivers.',
  dimmer_environment_flags: 'Flags that are served.',
  dimmer_environment_segments: 'Segments.',
  dimmer_environment_snapshot_bytes: 'All definitions, as JSON.',
} as const;

function registerEnvironments(registry: Registry, environments: DeliveryReadings['environments']): void {
  registerReadings(registry, ['project', 'environment'], ENVIRONMENT_GAUGES, function* () {
    for (const { environment, revision, size } of environments()) {
      const { flags, segments, bytes } = size();
      yield {
        labels: { ...environment },
        values: {
          dimmer_environment_revision: revision,
          dimmer_environment_flags: flags,
          dimmer_environment_segments: segments,
          dimmer_environment_snapshot_bytes: bytes,
        },
      };
    }
  });
}

/** Registers how many streams of each environment are open. */
export function registerOpen(
  registry: Registry,
  { name, help }: MetricName,
  streams: DeliveryReadings['streams'],
): void {
  registerReadings(registry, ['project', 'environment'], { [name]: help }, function* () {
    for (const { environment, count } of streams()) {
      yield { labels: { ...environment }, values: { [name]: count } };
    }
  });
}

function registerCounts(registry: Registry, counts: DeliveryCounts): void {
  registerTotal(
    registry,
    { name: 'dimmer_stream_bytes_total', help: 'Bytes handed to streams.' },
    () => counts.bytes,
  );
  registerTotal(
    registry,
    {
      name: 'dimmer_slow_streams_total',
      help: 'Times that a stream could not take a change at once and was sent a merged one later.',
    },
    () => counts.heldBack,
  );
  registerTotal(
    registry,
    { name: 'dimmer_feed_faults_total', help: 'Times that a change feed could not follow the database.' },
    () => counts.feedFaults,
  );
  registerTotals(
    registry,
    { name: 'dimmer_streams_opened_total', help: 'Streams opened, by mode.', label: 'mode' },
    counts.opened,
  );
  registerTotals(
    registry,
    {
      name: 'dimmer_streams_refused_total',
      help: 'Streams not opened, by the limit that was met.',
      label: 'cause',
    },
    counts.refused,
  );
  registerTotals(
    registry,
    {
      name: 'dimmer_streams_cut_total',
      help: 'Streams ended without a goodbye that was taken, by cause.',
      label: 'cause',
    },
    counts.cut,
  );
  registerTotals(
    registry,
    { name: 'dimmer_streams_ended_total', help: 'Streams ended, by why.', label: 'reason' },
    counts.ended,
  );
  registerTotals(
    registry,
    {
      name: 'dimmer_revision_encodings_total',
      help: 'Times that a revision became bytes; one delta per revision while no stream is slow.',
      label: 'form',
    },
    counts.encodings,
  );
}
