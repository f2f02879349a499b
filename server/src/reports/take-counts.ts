import type { ReportInput } from '@dimmer/schema/rest';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { ExposureRollup } from './exposure-rollup.ts';
import type { InstanceRegistry, Registered } from './instance-registry.ts';
import type { RepeatedBatches } from './repeated-batches.ts';
import type { ReportMetrics } from './report-metrics.ts';
import type { ToldBatch, ToldReport } from './told-report.ts';

/** Where what is told is counted. */
export interface CountingPorts {
  readonly registry: Pick<InstanceRegistry, 'report'>;
  readonly rollup: ExposureRollup;
  readonly repeated: RepeatedBatches;
  readonly metrics: ReportMetrics;
  readonly clock: Clock;
}

type Batch = NonNullable<ReportInput['batch']>;

/**
 * Takes a report of an instance. Where there is no room for its counts, what it says of the instance is taken all the same, and
 * the batch counts as one that was never seen: it comes again.
 */
export function takeReport(
  { registry, rollup, metrics, clock }: CountingPorts,
  environment: EnvironmentRef,
  { report, forwarded }: ToldReport,
): Registered {
  const { batch, ...standing } = report;
  const isTooMuch = batch !== undefined && forwarded === undefined && !rollup.hasRoom(1);
  const registered = registry.report(environment, isTooMuch ? standing : report, forwarded);
  const outcome = isTooMuch ? 'full' : registered;
  metrics.observe(outcome);
  if (registered !== 'full') metrics.addProblems(report.problems.map(({ code }) => code));
  if (outcome === 'counted' && batch !== undefined) {
    const { id: instance } = report.instance;
    rollup.add({ ...environment, source: 'server', instance, id: batch.id }, batch.exposures, clock.now());
    metrics.addEvents(batch.events.length);
  }
  return outcome;
}

/** Takes what a browser counted. One that there is no room for was not seen either. */
export function takeClientBatch(
  { rollup, repeated, metrics, clock }: CountingPorts,
  environment: EnvironmentRef,
  { instance, batch, forwarded }: ToldBatch,
): Registered {
  const isTooMuch = !forwarded && !rollup.hasRoom(1);
  const outcome = isTooMuch ? 'full' : outcomeOf(repeated, instance, batch);
  metrics.observe(outcome);
  if (outcome === 'counted') {
    metrics.addDropped(batch.dropped.exposures);
    metrics.addEvents(batch.events.length);
    rollup.add({ ...environment, source: 'client', instance, id: batch.id }, batch.exposures, clock.now());
  }
  return outcome;
}

function outcomeOf(repeated: RepeatedBatches, instance: string, { id }: Batch): Registered {
  return repeated.isRepeated(instance, id) ? 'repeated' : 'counted';
}
