import type { Registry } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Turns } from '../platform/turns.ts';
import { createTurns } from '../platform/turns.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import type { Storage } from '../storage/storage.ts';
import type { AppliedLag } from './applied-metrics.ts';
import { registerAppliedLag } from './applied-metrics.ts';
import type { RollupLimits } from './exposure-rollup.ts';
import { ExposureRollup } from './exposure-rollup.ts';
import { startExposureWriter } from './exposure-writer.ts';
import { InstanceExchange } from './instance-exchange.ts';
import type { OnChanged, Registered } from './instance-registry.ts';
import { InstanceRegistry } from './instance-registry.ts';
import type { Receipts } from './receipts.ts';
import { createReceipts } from './receipts.ts';
import { RepeatedBatches } from './repeated-batches.ts';
import { ReportAdmission, reportRetrySeconds } from './report-admission.ts';
import type { ReportMetrics } from './report-metrics.ts';
import { registerReportMetrics } from './report-metrics.ts';
import { takeClientBatch, takeReport } from './take-counts.ts';
import type { ToldBatch, ToldReport } from './told-report.ts';

/** How often silent instances are forgotten, in milliseconds. */
const EXPIRE_MS = 10_000;

/** Exposures that wait to be written, of all environments: some 30 MB. Beyond it instances keep theirs. */
const ROLLUP_LIMITS: RollupLimits = { rows: 50_000, counts: 1_000_000 };

/** A bundle is taken whole, and many may be under way: it is sent back while there is room for them. */
const SHARE_FOR_BUNDLES = 0.5;

/** Takes what running SDKs tell. Whether it is counted here or handed on is nothing to those who tell. */
export interface ReportIntake {
  /** Who runs: an open stream tells as well. */
  readonly registry: Pick<InstanceRegistry, 'connected'>;
  readonly admission: ReportAdmission;
  readonly metrics: ReportMetrics;
  /** Reports are decoded one by one, so that a kill waits for one of them at most. */
  readonly turns: Turns;
  readonly clock: Clock;
  /** Takes a report that was read. `full`: nothing of what it counted was taken, and it may come again. */
  take(environment: EnvironmentRef, told: ToldReport): Registered;
  /** Takes what a relay says of instances that say nothing: streams of them are open there. */
  takeConnected(environment: EnvironmentRef, ids: readonly string[]): void;
  /**
   * Keeps room for a whole bundle: it is taken one by one, and cannot be sent back in part.
   *
   * @returns To be called when it is taken; `undefined`: there is no room now.
   */
  roomForBundle(): (() => void) | undefined;
  /** Whether a relay's bundle was begun before: from now on it was. */
  isRepeated(bundle: string): boolean;
  /**
   * Counts what a browser served and could not keep. Browsers are listed nowhere, and are in no receipt.
   *
   * @returns `full`: there is no room for it now, and it may come again.
   */
  takeFromClient(environment: EnvironmentRef, told: ToldBatch): Registered;
  /** When a refused instance should try again: spread, so that they do not come back together. */
  retryAfterSeconds(): number;
}

/** What running SDKs tell: who they are, what they have applied, what they have served. */
export interface Reports extends ReportIntake {
  /** The instances that run, whatever server of the database they speak to. */
  readonly instances: Pick<InstanceRegistry, 'present'>;
  readonly receipts: Receipts;
  /** To be told of every environment that has reached a revision: how long do SDKs take to apply it? */
  readonly moved: AppliedLag['moved'];
  /** Writes what was counted, and takes no more. */
  close(): Promise<void>;
}

/**
 * Takes reports, and counts what they tell.
 *
 * @example createReports({ storage, serverId, clock, random, schedule, log, metrics, keptDays: 3, work })
 */
export function createReports(parts: {
  readonly storage: Pick<Storage, 'read' | 'history' | 'exposures' | 'instances'>;
  /** Of this process among the servers of the database: one name per start. */
  readonly serverId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly metrics: Registry;
  /** For how long counted exposures are kept, in days (`DIMMER_EXPOSURE_DAYS`). */
  readonly keptDays: number;
  readonly work: WorkMetrics;
}): Reports {
  const { storage, clock, random, schedule, log, keptDays, work } = parts;
  const appliedLag = registerAppliedLag(parts.metrics);
  const onChanged: OnChanged = (...change) => shared?.changed(...change);
  const registry = new InstanceRegistry(clock, { onApplied: appliedLag.applied, onChanged });
  const { instances: store } = storage;
  const ports = { registry, server: parts.serverId, clock, schedule, log };
  const shared = store === undefined ? undefined : new InstanceExchange({ ...ports, store });
  const instances = shared ?? registry;
  const rollup = new ExposureRollup(ROLLUP_LIMITS);
  const repeated = new RepeatedBatches();
  const admission = new ReportAdmission(clock, schedule);
  const turns = createTurns(schedule);
  const metrics = registerReportMetrics(parts.metrics, {
    instances: () => registry.size,
    exposuresDropped: () => rollup.dropped,
    queues: () => ({
      dimmer_reports_under_way: admission.reports,
      dimmer_reports_under_way_bytes: admission.bytes,
      dimmer_reports_waiting: turns.waiting,
      dimmer_exposure_rows_waiting: rollup.rows,
    }),
  });
  const writer = startExposureWriter({
    rollup,
    store: storage.exposures,
    keptDays,
    clock,
    schedule,
    log,
    work,
    onRepeated: metrics.addRepeatedBatches,
  });
  const counting = { registry, rollup, repeated, metrics, clock };
  const stopExpiring = schedule.every(EXPIRE_MS, () => registry.expire());
  return {
    registry,
    instances,
    receipts: createReceipts({ storage, registry: instances, here: registry, clock, schedule }),
    admission,
    metrics,
    turns,
    moved: appliedLag.moved,
    clock,
    roomForBundle: () => (rollup.hasRoom(SHARE_FOR_BUNDLES) ? () => {} : undefined),
    isRepeated: (bundle) => repeated.isRepeated('', bundle),
    takeConnected: (environment, ids) => registry.seen(environment, ids),
    take: (environment, told) => takeReport(counting, environment, told),
    takeFromClient: (environment, told) => takeClientBatch(counting, environment, told),
    retryAfterSeconds: () => reportRetrySeconds(random),
    close: async () => {
      stopExpiring();
      admission.close();
      await Promise.all([writer.stop(), shared?.close()]);
    },
  };
}
