import type { BucketRange } from '@dimmer/schema';
import { BUCKETS, LIMITS } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { planRanges } from './plan-ranges.ts';
import { faultOfRanges, joinRanges, movedBuckets, weightsOf } from './ranges.ts';
import { variationNames, weightHistories, weightsOver } from './weights.arbitrary.ts';

type Weights = Readonly<Record<string, number>>;

test('[E60] without ranges to plan from, variations are laid out in the order of the weights', () => {
  expect(planRanges({ b: 30, a: 0, c: 70 })).toEqual([
    [0, 30_000, 'b'],
    [30_000, BUCKETS, 'c'],
  ]);
});

test('[E61] a variation without buckets takes its place by the order of the weights', () => {
  const all: BucketRange[] = [[0, BUCKETS, 'off']];
  expect(planRanges({ on: 10, off: 90 }, all)).toEqual(planRanges({ on: 10, off: 90 }));
  expect(planRanges({ off: 90, on: 10 }, all)).toEqual(planRanges({ off: 90, on: 10 }));
});

test('[E61] the lower of two variations stays the lower, in whatever order the weights name them', () => {
  expect(planRanges({ off: 80, on: 20 }, planRanges({ on: 10, off: 90 }))).toEqual([
    [0, 20_000, 'on'],
    [20_000, BUCKETS, 'off'],
  ]);
});

test('[E62] growing takes the lowest buckets of those above, shrinking gives back the highest first', () => {
  const before = planRanges({ on: 10, a: 40, b: 50 });
  const grown = planRanges({ on: 25, a: 35, b: 40 }, before);
  expect(grown).toEqual([
    [0, 15_000, 'on'],
    [15_000, 50_000, 'a'],
    [50_000, 60_000, 'on'],
    [60_000, BUCKETS, 'b'],
  ]);
  expect(planRanges({ on: 12, a: 35, b: 53 }, grown)).toEqual([
    [0, 12_000, 'on'],
    [12_000, 15_000, 'b'],
    [15_000, 50_000, 'a'],
    [50_000, BUCKETS, 'b'],
  ]);
});

test('[E63] a plan moves half the difference of the weights and gives each variation its share', () => {
  fc.assert(
    fc.property(weightHistories(8, 12), (history) => {
      walk(history, (before, ranges, weights) => {
        expect(movedBuckets(before, ranges)).toBe(distanceBetween(weightsOf(before), weights) / 2);
        expect(distanceBetween(weightsOf(ranges), weights)).toBe(0);
      });
    }),
  );
});

test('[E63] nobody moves between variations whose share does not change', () => {
  fc.assert(
    fc.property(weightHistories(6, 8), (history) => {
      walk(history, (before, ranges, weights) => {
        const old = weightsOf(before);
        for (const name of namesIn(weights, old).filter(
          (each) => (weights[each] ?? 0) === (old[each] ?? 0),
        )) {
          expect(rangesOf(ranges, name)).toEqual(rangesOf(before, name));
        }
      });
    }),
  );
});

test('[E63] raising a share keeps everybody who was in', () => {
  fc.assert(
    fc.property(weightHistories(6, 8), (history) => {
      walk(history, (before, ranges, weights) => {
        const old = weightsOf(before);
        for (const name of namesIn(weights, old).filter((each) => (weights[each] ?? 0) > (old[each] ?? 0))) {
          expect(lostBy(name, before, ranges)).toBe(0);
        }
      });
    }),
  );
});

test('[E64] neighbouring ranges of one variation are one range', () => {
  const parts: BucketRange[] = [
    [0, 10, 'on'],
    [10, 20, 'on'],
    [20, BUCKETS, 'off'],
  ];
  expect(planRanges({ on: 0.02, off: 99.98 }, parts)).toEqual(joinRanges(parts));
});

test('[E65] 25 -> 10 -> 25 serves the same people again', () => {
  for (const [full, low] of [
    [
      { on: 25, off: 75 },
      { on: 10, off: 90 },
    ],
    [
      { off: 75, on: 25 },
      { on: 10, off: 90 },
    ],
    [
      { on: 25, off: 75 },
      { on: 0, off: 100 },
    ],
    [
      { a: 25, b: 25, c: 50 },
      { a: 10, b: 30, c: 60 },
    ],
    [
      { a: 25, b: 25, c: 50 },
      { a: 35, b: 10, c: 55 },
    ],
    [
      { a: 50, b: 25, c: 25 },
      { a: 90, b: 0, c: 10 },
    ],
  ] satisfies [Weights, Weights][]) {
    const ranges = planRanges(full);
    expect(planRanges(full, planRanges(low, ranges))).toEqual(ranges);
  }
});

test('[E65] any change of a fresh layout that is taken back gives the same ranges again', () => {
  const pairs = variationNames(12).chain((names) => fc.tuple(weightsOver(names), weightsOver(names)));
  fc.assert(
    fc.property(pairs, ([weights, other]) => {
      const ranges = planRanges(weights);
      expect(planRanges(weights, planRanges(other, ranges))).toEqual(ranges);
    }),
    { numRuns: 500 },
  );
});

test('[E65] with two variations the same weights always give the same ranges', () => {
  fc.assert(
    fc.property(fc.array(weightsOver(['on', 'off']), { minLength: 1, maxLength: 20 }), (history) => {
      walk(history, (_, ranges, weights) => expect(ranges).toEqual(planRanges(weights)));
    }),
  );
});

for (const { variations, most } of [
  { variations: 2, most: 2 },
  { variations: 3, most: 30 },
  { variations: 8, most: 150 },
  { variations: 20, most: LIMITS.rangesPerRollout / 2 },
]) {
  test(`[E66] a thousand changes of ${variations} variations leave valid ranges, at most ${most}`, () => {
    const names = Array.from({ length: variations }, (_, index) => `v${index}`);
    const history = fc.sample(weightsOver(names), { numRuns: 1_000, seed: variations });
    walk(history, (_, ranges) => {
      expect(faultOfRanges(ranges)).toBeUndefined();
      expect(ranges.length).toBeLessThanOrEqual(most);
    });
  });
}

test('[E66] a plan that would have more ranges than the limit is laid out afresh', () => {
  const count = LIMITS.rangesPerRollout;
  const step = BUCKETS / count;
  const comb = Array.from(
    { length: count },
    (_, index): BucketRange => [index * step, (index + 1) * step, index % 2 === 0 ? 'a' : 'b'],
  );
  const weights = { a: 49.99, b: 49.99, c: 0.02 };
  expect(planRanges(weights, comb)).toEqual(planRanges(weights));
});

test('weights that do not add up and ranges with a gap are refused by name', () => {
  expect(() => planRanges({ on: 10, off: 80 })).toThrow(
    'weights must be 0 or more and add up to 100, not 90',
  );
  expect(() => planRanges({ on: 110, off: -10 })).toThrow('weights must be 0 or more');
  expect(() => planRanges({ on: 100 }, [[5, BUCKETS, 'on']])).toThrow(
    'previous range 0 must start at 0, not 5',
  );
});

/** Plans through a history of weights and shows every step but the first. */
function walk(
  history: readonly Weights[],
  visit: (before: readonly BucketRange[], after: readonly BucketRange[], weights: Weights) => void,
): void {
  let ranges: BucketRange[] = [];
  for (const weights of history) {
    const before = ranges;
    ranges = planRanges(weights, before);
    if (before.length > 0) visit(before, ranges, weights);
  }
}

function namesIn(...weights: readonly Weights[]): string[] {
  return [...new Set(weights.flatMap(Object.keys))];
}

/** The L1 distance of two weightings, in buckets. */
function distanceBetween(left: Weights, right: Weights): number {
  return namesIn(left, right).reduce(
    (sum, name) =>
      sum + Math.abs(Math.round((left[name] ?? 0) * 1000) - Math.round((right[name] ?? 0) * 1000)),
    0,
  );
}

function rangesOf(ranges: readonly BucketRange[], name: string): BucketRange[] {
  return ranges.filter(([, , variation]) => variation === name);
}

/** Buckets that a variation had before and has not any more. */
function lostBy(name: string, before: readonly BucketRange[], after: readonly BucketRange[]): number {
  const only = (ranges: readonly BucketRange[]): BucketRange[] =>
    ranges.map(([start, end, variation]) => [start, end, variation === name ? name : 'other']);
  const kept = (weightsOf(only(after))[name] ?? 0) - (weightsOf(only(before))[name] ?? 0);
  return (movedBuckets(only(before), only(after)) - Math.round(kept * 1000)) / 2;
}
