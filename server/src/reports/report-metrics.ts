import { UPDATE_PROBLEM_CODES } from '@dimmer/schema';
import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';
import { registerReadings, registerTotal } from '../platform/metrics.ts';

const CODES: ReadonlySet<string> = new Set(UPDATE_PROBLEM_CODES);

/** What became of a report. */
export type ReportOutcome = 'counted' | 'repeated' | 'full' | 'invalid' | 'shed';

/** What reports count. */
export interface ReportMetrics {
  observe(outcome: ReportOutcome): void;
  /** Events of `track` that came. */
  addEvents(count: number): void;
  /** Batches that were left out when they would have been written, because they had been before. */
  addRepeatedBatches(count: number): void;
  /** Exposures that browsers could not keep. */
  addDropped(count: number): void;
  /** Updates that instances refused; a code that is not known counts as `OTHER`. */
  addProblems(codes: readonly string[]): void;
}

/** What is asked for when somebody collects. */
export interface ReportReadings {
  readonly instances: () => number;
  readonly exposuresDropped: () => number;
  /** What waits: reports that are being read, their bytes, those that wait to be decoded, rows to be written. */
  readonly queues: () => Readonly<Record<keyof typeof QUEUE_GAUGES, number>>;
}

const QUEUE_GAUGES = {
  dimmer_reports_under_way: 'Reports of SDKs that are being read.',
  dimmer_reports_under_way_bytes: 'Their bytes on the wire.',
  dimmer_reports_waiting: 'Reports that were read and wait for their turn to be decoded.',
  dimmer_exposure_rows_waiting: 'Rows of counted exposures that wait to be written.',
} as const;

/** Registers the metrics of reports. @returns What counts them. */
export function registerReportMetrics(registry: Registry, readings: ReportReadings): ReportMetrics {
  const registers = [registry];
  const reports = new Counter({
    name: 'dimmer_reports_total',
    help: 'Reports of SDKs, by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const events = new Counter({
    name: 'dimmer_tracked_events_total',
    help: 'Tracked events that came.',
    registers,
  });
  const repeatedBatches = new Counter({
    name: 'dimmer_repeated_batches_total',
    help: 'Batches of exposures that were left out, because this or another server had written them before.',
    registers,
  });
  const dropped = new Counter({
    name: 'dimmer_client_exposures_dropped_total',
    help: 'Evaluations that browsers could not keep until they reported.',
    registers,
  });
  const problems = new Counter({
    name: 'dimmer_update_problems_total',
    help: 'Updates that SDKs refused, by why.',
    labelNames: ['code'],
    registers,
  });
  registerTotal(
    registry,
    {
      name: 'dimmer_exposures_dropped_total',
      help: 'Evaluations that were reported and could not be kept until they were written.',
    },
    readings.exposuresDropped,
  );
  registerReadings(
    registry,
    [],
    { dimmer_instances: 'Running SDKs that are known.', ...QUEUE_GAUGES },
    () => [{ labels: {}, values: { dimmer_instances: readings.instances(), ...readings.queues() } }],
  );
  return {
    observe: (outcome) => reports.inc({ outcome }),
    addEvents: (count) => events.inc(count),
    addRepeatedBatches: (count) => repeatedBatches.inc(count),
    addDropped: (count) => dropped.inc(count),
    addProblems: (codes) => {
      for (const code of codes) problems.inc({ code: CODES.has(code) ? code : 'OTHER' });
    },
  };
}
