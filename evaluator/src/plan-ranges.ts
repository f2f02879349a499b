import type { BucketRange } from '@dimmer/schema';
import { BUCKETS, LIMITS } from '@dimmer/schema';
import { faultOfRanges, joinRanges } from './ranges.ts';

/**
 * Turns weights into ranges, moving as few buckets as possible: half the sum of the differences between the
 * old and the new weights, and only between variations whose share changes.
 *
 * Variations have an order (SPEC.md, E61). Between a lower and a higher one the border moves: the lower gives
 * its highest-numbered buckets, the higher its lowest-numbered ones. So a share that grows takes the lowest
 * buckets of those above it, a share that shrinks gives back its highest first, and a change that is taken
 * back serves the same subjects again.
 *
 * @param weights - Percent, at most three decimals, 100 in total. A variation that is left out has weight 0.
 * @param previous - Ranges to start from; none: the variations are laid out in the order of `weights`.
 * @returns Sorted, adjacent ranges over 0..100,000, neighbours of one variation joined.
 * @throws RangeError when the weights do not add up to 100, or `previous` is not valid: both are checked
 *   where edits come in.
 * @example planRanges({ on: 10, off: 90 }) // [[0, 10000, 'on'], [10000, 100000, 'off']]
 */
export function planRanges(
  weights: Readonly<Record<string, number>>,
  previous: readonly BucketRange[] = [],
): BucketRange[] {
  const wanted = countsOf(weights);
  if (previous.length === 0) return layOut(wanted);
  const fault = faultOfRanges(previous);
  if (fault !== undefined) throw new RangeError(`previous ${fault}`);
  const holdings = holdingsOf(previous);
  const order = orderOf(wanted, holdings);
  const planned = settle(holdings, transfersOf(order, wanted, holdings), order);
  return planned.length > LIMITS.rangesPerRollout ? layOut(wanted) : planned;
}

/** Buckets of one variation: disjoint spans in ascending order. */
type Span = [start: number, end: number];
type Holdings = ReadonlyMap<string, readonly Span[]>;

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

function countsOf(weights: Readonly<Record<string, number>>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [variation, weight] of Object.entries(weights)) {
    counts.set(variation, Math.round((weight * BUCKETS) / 100));
  }
  const total = sumOf(counts.values());
  const isSound = total === BUCKETS && [...counts.values()].every((count) => count >= 0);
  if (!isSound) throw new RangeError(`weights must be 0 or more and add up to 100, not ${total / 1000}`);
  return counts;
}

function layOut(counts: ReadonlyMap<string, number>): BucketRange[] {
  let start = 0;
  return [...counts].flatMap(([variation, count]): BucketRange[] => {
    const end = start + count;
    const range: BucketRange = [start, end, variation];
    start = end;
    return count === 0 ? [] : [range];
  });
}

function holdingsOf(ranges: readonly BucketRange[]): Map<string, Span[]> {
  const holdings = new Map<string, Span[]>();
  for (const [start, end, variation] of ranges) {
    const spans = holdings.get(variation);
    if (spans === undefined) holdings.set(variation, [[start, end]]);
    else spans.push([start, end]);
  }
  return holdings;
}

/**
 * The order of variations is that of the weights; those that the weights leave out come last. Between only two
 * the layout itself tells the order, whichever way the weights name them.
 */
function orderOf(wanted: ReadonlyMap<string, number>, holdings: Holdings): string[] {
  const order = [...new Set([...wanted.keys(), ...holdings.keys()])];
  const [first, second, ...others] = order.filter(
    (each) => holdings.has(each) || (wanted.get(each) ?? 0) > 0,
  );
  if (first === undefined || second === undefined || others.length > 0) return order;
  return liesBelow(holdings.get(second), holdings.get(first)) ? order.reverse() : order;
}

function liesBelow(lower: readonly Span[] | undefined, upper: readonly Span[] | undefined): boolean {
  const end = lower?.at(-1)?.[1];
  const start = upper?.[0]?.[0];
  return end !== undefined && start !== undefined && end <= start;
}

/** Matches what is given with what is taken, both in order, so that no two transfers cross. */
function transfersOf(
  order: readonly string[],
  wanted: ReadonlyMap<string, number>,
  holdings: Holdings,
): Transfer[] {
  const takers = order.map((to) => ({ to, count: (wanted.get(to) ?? 0) - sizeOf(holdings.get(to)) }));
  return order.flatMap((from) => {
    let given = sizeOf(holdings.get(from)) - (wanted.get(from) ?? 0);
    const transfers: Transfer[] = [];
    for (const taker of takers) {
      const count = Math.min(given, taker.count);
      if (count <= 0) continue;
      transfers.push({ from, to: taker.to, count });
      taker.count -= count;
      given -= count;
    }
    return transfers;
  });
}

/** Carries the transfers out. */
function settle(holdings: Holdings, transfers: readonly Transfer[], order: readonly string[]): BucketRange[] {
  const ranges: BucketRange[] = [];
  const own = (spans: readonly Span[], variation: string): void => {
    for (const [start, end] of spans) ranges.push([start, end, variation]);
  };
  for (const [from, spans] of holdings) {
    const given = transfers.filter((transfer) => transfer.from === from);
    const rank = order.indexOf(from);
    const down = given.filter(({ to }) => order.indexOf(to) < rank);
    const up = given.filter(({ to }) => order.indexOf(to) > rank);
    const kept = sizeOf(spans) - sumOf(given.map(({ count }) => count));
    let left = spans;
    for (const { to, count } of [...down, { to: from, count: kept }, ...up]) {
      const [lowest, rest] = split(left, count);
      own(lowest, to);
      left = rest;
    }
  }
  return joinRanges(ranges.sort(([left], [right]) => left - right));
}

/** The lowest `count` buckets of spans, and the others. */
function split(spans: readonly Span[], count: number): [lowest: Span[], rest: Span[]] {
  const lowest: Span[] = [];
  const rest: Span[] = [];
  let left = count;
  for (const [start, end] of spans) {
    const border = Math.min(end, start + left);
    if (border > start) lowest.push([start, border]);
    if (end > border) rest.push([border, end]);
    left -= border - start;
  }
  return [lowest, rest];
}

function sizeOf(spans: readonly Span[] | undefined): number {
  return sumOf((spans ?? []).map(([start, end]) => end - start));
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
