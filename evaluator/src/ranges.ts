import type { BucketRange } from '@dimmer/schema';
import { BUCKETS } from '@dimmer/schema';

/**
 * What keeps a list from being the ranges of a rollout; `undefined` when nothing does. Ranges are triples of
 * start, end and variation; the first starts at 0, each starts where the one before ends, the last ends at
 * 100,000, and none is empty.
 *
 * @example faultOfRanges([[0, 100000, 'on']]) // undefined
 */
export function faultOfRanges(ranges: unknown): string | undefined {
  if (!Array.isArray(ranges)) return 'must be a list of [start, end, variation]';
  let next = 0;
  for (const [index, range] of ranges.entries()) {
    if (!isRange(range))
      return `range ${index} must be [start, end, variation] with integers, start below end`;
    const [start, end] = range;
    if (start !== next)
      return `range ${index} must start at ${next}, not ${start}, to leave no gap or overlap`;
    next = end;
  }
  return next === BUCKETS ? undefined : `must end at ${BUCKETS}, not ${next}`;
}

/**
 * The weights that ranges amount to, in percent, in the order of first buckets.
 *
 * @param ranges - Valid by {@link faultOfRanges}.
 * @example weightsOf([[0, 25000, 'on'], [25000, 100000, 'off']]) // { on: 25, off: 75 }
 */
export function weightsOf(ranges: readonly BucketRange[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const [start, end, variation] of ranges) {
    counts.set(variation, (counts.get(variation) ?? 0) + end - start);
  }
  return Object.fromEntries([...counts].map(([variation, count]) => [variation, (count * 100) / BUCKETS]));
}

/**
 * How many of the 100,000 buckets change their variation between two layouts.
 *
 * @param before - Valid by {@link faultOfRanges}.
 * @param after - Valid by {@link faultOfRanges}.
 * @example movedBuckets([[0, 100000, 'off']], [[0, 10000, 'on'], [10000, 100000, 'off']]) // 10000
 */
export function movedBuckets(before: readonly BucketRange[], after: readonly BucketRange[]): number {
  let moved = 0;
  let index = 0;
  for (const [start, end, variation] of after) {
    for (let range = before[index]; range !== undefined && range[0] < end; range = before[index]) {
      if (range[2] !== variation) moved += Math.min(end, range[1]) - Math.max(start, range[0]);
      if (range[1] > end) break;
      index += 1;
    }
  }
  return moved;
}

/** Joins neighbours of the same variation. The ranges must be sorted and adjacent. */
export function joinRanges(ranges: readonly BucketRange[]): BucketRange[] {
  const joined: BucketRange[] = [];
  for (const [start, end, variation] of ranges) {
    const last = joined.at(-1);
    if (last?.[2] === variation) joined[joined.length - 1] = [last[0], end, variation];
    else joined.push([start, end, variation]);
  }
  return joined;
}

function isRange(range: unknown): range is BucketRange {
  if (!Array.isArray(range) || range.length !== 3) return false;
  const [start, end, variation] = range;
  return Number.isInteger(start) && Number.isInteger(end) && start < end && typeof variation === 'string';
}
