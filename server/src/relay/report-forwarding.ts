import { REPORT_LIMITS } from '@dimmer/schema';
import { createTurns } from '../platform/turns.ts';
import type { Instance } from '../reports/instance.ts';
import { InstanceRegistry } from '../reports/instance-registry.ts';
import { RepeatedBatches } from '../reports/repeated-batches.ts';
import { ReportAdmission, reportRetrySeconds } from '../reports/report-admission.ts';
import { registerReportMetrics } from '../reports/report-metrics.ts';
import type { ReportIntake } from '../reports/reports.ts';
import type { ToldReport } from '../reports/told-report.ts';
import type { ReportQueueParts } from './report-queue.ts';
import { ReportQueue } from './report-queue.ts';

/** How often silent instances are looked for, in milliseconds. */
const PRESENCE_MS = 30_000;

/** An instance that has said nothing for so long, in milliseconds, is told of where its stream is open. */
const SILENT_AFTER_MS = 45_000;

/** How many of them are told of; more are an outage, which a list does not help with. */
const SILENT_TOLD_MAX = 2_000;

export interface ReportForwardingParts extends ReportQueueParts {
  /** How the relay is called where its instances are listed. */
  readonly name: string;
}

/** Takes reports as a server does, and hands them on instead of counting them. */
export interface ReportForwarding extends ReportIntake {
  /** Hands on what waits, for as long as 1.5 s. */
  close(): Promise<void>;
}

/** @example createReportForwarding({ name: 'eu-west', senderOf, clock, random, schedule, log, metrics }) */
export function createReportForwarding(parts: ReportForwardingParts): ReportForwarding {
  const { name, clock, random, schedule } = parts;
  const registry = new InstanceRegistry(clock);
  const admission = new ReportAdmission(clock, schedule);
  const repeated = new RepeatedBatches();
  const turns = createTurns(schedule);
  const queue = new ReportQueue(parts);
  const metrics = registerReportMetrics(parts.metrics, {
    instances: () => registry.size,
    exposuresDropped: () => 0,
    queues: () => ({
      dimmer_reports_under_way: admission.reports,
      dimmer_reports_under_way_bytes: admission.bytes,
      dimmer_reports_waiting: turns.waiting,
      dimmer_exposure_rows_waiting: 0,
    }),
  });

  function tellOfSilent(): void {
    registry.expire();
    const silentSince = clock.now() - SILENT_AFTER_MS;
    for (const environment of queue.environments()) {
      const silent = registry.present(environment).filter((instance) => isSilent(instance, silentSince));
      const told = silent.slice(0, SILENT_TOLD_MAX);
      const json = told.map(({ id }) => JSON.stringify(id)).join();
      if (told.length > 0) queue.add(environment, { kind: 'connected', json });
    }
  }

  const stopTelling = schedule.every(PRESENCE_MS, tellOfSilent);
  return {
    registry,
    admission,
    metrics,
    turns,
    clock,
    roomForBundle: () => queue.keepRoomFor(REPORT_LIMITS.bodyBytes),
    isRepeated: (bundle) => repeated.isRepeated('', bundle),
    takeConnected: (environment, ids) => registry.seen(environment, ids),
    take: (environment, told) => {
      const { forwarded } = told;
      const via = forwarded?.via ?? name;
      const toldAt = clock.now() - (forwarded?.heldMs ?? 0);
      const entry = { kind: 'report', json: JSON.stringify(told.raw), via, toldAt } as const;
      const isTaken = queue.add(environment, entry, {
        isUrgent: isUrgent(told),
        hasRoom: forwarded !== undefined,
      });
      const outcome = isTaken ? registry.report(environment, told.report, forwarded) : 'full';
      metrics.observe(outcome);
      return outcome;
    },
    takeFromClient: (environment, { instance, batch, forwarded }) => {
      const entry = { kind: 'client', json: JSON.stringify({ instance, batch }) } as const;
      // A batch that there is no room for was not seen: it comes again.
      const hasRoom = forwarded || queue.hasRoomFor(entry.json.length);
      const isRepeated = hasRoom && repeated.isRepeated(instance, batch.id);
      const isTaken = hasRoom && !isRepeated && queue.add(environment, entry, { hasRoom });
      const outcome = isRepeated ? 'repeated' : isTaken ? 'counted' : 'full';
      metrics.observe(outcome);
      return outcome;
    },
    retryAfterSeconds: () => reportRetrySeconds(random),
    close: async () => {
      stopTelling();
      admission.close();
      await queue.close();
    },
  };
}

/** Whether a stream is all that tells of the instance. */
function isSilent({ streams, seenAt = 0, heardAt = 0 }: Instance, since: number): boolean {
  return heardAt < since && (streams > 0 || seenAt >= since);
}

/** Without counts it is small, and tells of revisions: a kill, perhaps. A farewell must not overtake what it ends. */
function isUrgent({ report: { applied, batch, status } }: ToldReport): boolean {
  return batch === undefined && applied.length > 0 && status.state !== 'CLOSED';
}
