import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import { registerReadings } from '../platform/metrics.ts';
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
  const { counts } = readings;
  const registers = [registry];
  registerStreams(registers, readings);
  registerEnvironments(registry, readings.environments);
  registerTotal(registers, 'dimmer_stream_bytes_total', 'Bytes handed to streams.', () => counts.bytes);
  registerTotal(
    registers,
    'dimmer_slow_streams_total',
    'Times that a stream could not take a change at once and was sent a merged one later.',
    () => counts.heldBack,
  );
  registerTotal(
    registers,
    'dimmer_feed_faults_total',
    'Times that a change feed could not follow the database.',
    () => counts.feedFaults,
  );
  registerByLabel(
    registers,
    'dimmer_streams_opened_total',
    'Streams opened, by mode.',
    'mode',
    counts.opened,
  );
  registerByLabel(
    registers,
    'dimmer_streams_refused_total',
    'Streams not opened, by the limit that was met.',
    'cause',
    counts.refused,
  );
  registerByLabel(
    registers,
    'dimmer_streams_cut_total',
    'Streams ended without a goodbye that was taken, by cause.',
    'cause',
    counts.cut,
  );
  registerByLabel(registers, 'dimmer_streams_ended_total', 'Streams ended, by why.', 'reason', counts.ended);
  registerByLabel(
    registers,
    'dimmer_revision_encodings_total',
    'Times that a revision became bytes; one delta per revision while no stream is slow.',
    'form',
    counts.encodings,
  );
  const lag = new Histogram({
    name: 'dimmer_feed_lag_seconds',
    help: 'From a commit to the last write of its fan-out.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  return (lagMs) => lag.observe(Math.max(0, lagMs) / 1000);
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

function registerStreams(registers: Registry[], readings: DeliveryReadings): void {
  const { streams, databaseAgeMs, ready, missing, readersAhead } = readings;
  registerOpen(registers, 'dimmer_streams', 'Open streams.', streams);
  new Gauge({
    name: 'dimmer_database_age_seconds',
    help: 'Time since the database last answered.',
    registers,
    collect() {
      this.set(databaseAgeMs() / 1000);
    },
  });
  new Gauge({
    name: 'dimmer_ready',
    help: '1 while /readyz answers 200, else 0.',
    registers,
    collect() {
      this.set(ready() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'dimmer_environments_missing',
    help: 'Environments that keys open and that this server does not hold: in an outage of the database it could not serve them.',
    registers,
    collect() {
      this.set(missing());
    },
  });
  new Gauge({
    name: 'dimmer_environments_behind_readers',
    help: 'Environments of which an SDK knows revisions that the database does not have: anything but 0 is a loss, or a lie.',
    registers,
    collect() {
      this.set(readersAhead());
    },
  });
}

/** Registers how many streams of each environment are open. */
export function registerOpen(
  registers: Registry[],
  name: string,
  help: string,
  streams: DeliveryReadings['streams'],
): void {
  new Gauge({
    name,
    help,
    labelNames: ['project', 'environment'],
    registers,
    collect() {
      this.reset();
      for (const { environment, count } of streams()) this.set({ ...environment }, count);
    },
  });
}

function registerTotal(registers: Registry[], name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** Registers totals that are kept as plain numbers, one per value of a label. */
export function registerByLabel(
  registers: Registry[],
  name: string,
  help: string,
  label: string,
  totals: { readonly [value: string]: number },
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset();
      for (const [value, total] of Object.entries(totals)) this.inc({ [label]: value }, total);
    },
  });
}
