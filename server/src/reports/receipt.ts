import type { ReceiptView } from '@dimmer/schema/rest';
import type { AppliedMoment, Instance } from './instance.ts';
import { instanceView } from './instance-views.ts';

/** What a receipt is about. Times are milliseconds since the Unix epoch. */
export interface ReceiptSubject {
  readonly epoch: string;
  readonly revision: number;
  readonly committedAt: number;
}

/** Stragglers that are named. More than that are an outage, which a list does not help with. */
export const STRAGGLERS_MAX = 100;

/**
 * Who has applied a revision, how fast, and who has not.
 *
 * An instance that connected after the commit and has not said a word is left out: it never served anything
 * older. Nor does one that started later have a latency.
 *
 * @param instances - Those that run now.
 */
export function receiptOf(subject: ReceiptSubject, instances: readonly Instance[], now: number): ReceiptView {
  const counted = instances.filter((instance) => !isJoining(instance, subject));
  const stragglers = counted.filter((instance) => !hasApplied(instance, subject));
  const moments = counted.flatMap((instance) => {
    const moment = momentOf(instance, subject);
    return moment === undefined ? [] : [{ instance, at: Math.max(moment.at, subject.committedAt) }];
  });
  const latencies = moments
    .filter(({ instance }) => (instance.startedAt ?? Infinity) <= subject.committedAt)
    .map(({ at }) => at - subject.committedAt);
  const isComplete = stragglers.length === 0;
  const last = moments.reduce((latest, { at }) => Math.max(latest, at), subject.committedAt);
  return {
    revision: subject.revision,
    committedAt: new Date(subject.committedAt).toISOString(),
    at: new Date(now).toISOString(),
    instances: counted.length,
    applied: counted.length - stragglers.length,
    complete: isComplete,
    latency: latencyOf(latencies),
    oldServedUntil: isComplete ? new Date(last).toISOString() : null,
    stragglers: stragglers.slice(0, STRAGGLERS_MAX).map(instanceView),
    stragglersOmitted: Math.max(0, stragglers.length - STRAGGLERS_MAX),
  };
}

/**
 * The same for held kills. An instance tells no step into another epoch, only that it is there: how fast is not known, and
 * nobody serves what was before from the receipt on.
 */
export function heldReceiptOf(
  subject: ReceiptSubject,
  instances: readonly Instance[],
  now: number,
): ReceiptView {
  const receipt = receiptOf(subject, instances, now);
  return { ...receipt, latency: null, oldServedUntil: receipt.complete ? receipt.at : null };
}

/**
 * The value that a share of the values does not exceed: nearest rank, always one of them.
 *
 * @param sorted - Ascending, at least one.
 * @example percentileOf([1, 2, 3, 4], 0.5) // 2
 */
export function percentileOf(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function latencyOf(latencies: readonly number[]): ReceiptView['latency'] {
  if (latencies.length === 0) return null;
  const sorted = [...latencies].sort((one, other) => one - other);
  return {
    count: sorted.length,
    p50Ms: percentileOf(sorted, 0.5),
    p95Ms: percentileOf(sorted, 0.95),
    p99Ms: percentileOf(sorted, 0.99),
    maxMs: percentileOf(sorted, 1),
  };
}

function hasApplied({ status, applied }: Instance, { epoch, revision }: ReceiptSubject): boolean {
  if (status !== undefined && status.epoch === epoch && (status.revision ?? -1) >= revision) return true;
  return applied.some((moment) => moment.epoch === epoch && moment.revision >= revision);
}

/** When the instance went from something older to the revision, or past it. */
function momentOf({ applied }: Instance, { epoch, revision }: ReceiptSubject): AppliedMoment | undefined {
  return applied.find(
    (moment) => moment.epoch === epoch && moment.from < revision && moment.revision >= revision,
  );
}

function isJoining({ status, connectedAt }: Instance, { committedAt }: ReceiptSubject): boolean {
  return status === undefined && connectedAt !== undefined && connectedAt > committedAt;
}
