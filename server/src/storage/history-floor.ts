import type { HistoryPolicy } from './storage.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Where an environment's history stands. */
export interface HistoryExtent {
  readonly revision: number;
  readonly floor: number;
  /** The oldest revision that is younger than the policy's days; `undefined` where none is. */
  readonly oldestYoung: number | undefined;
}

/** The time (ms) after which a change counts as young. */
export function youngAfter(policy: HistoryPolicy, now: number): number {
  return now - policy.days * DAY_MS;
}

/**
 * The floor that a policy asks for: history keeps the last `revisions` changes or those of the last `days`,
 * whichever is more. A floor never falls.
 *
 * @example floorFor({ revision: 50, floor: 0, oldestYoung: 20 }, { revisions: 10, days: 30 }) // 19
 */
export function floorFor(extent: HistoryExtent, policy: HistoryPolicy): number {
  const byCount = extent.revision - policy.revisions;
  const byAge = extent.oldestYoung === undefined ? extent.revision : extent.oldestYoung - 1;
  return Math.max(extent.floor, Math.min(byCount, byAge));
}
