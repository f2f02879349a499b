import type { BucketRange } from '@dimmer/schema';
import { BUCKETS } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { planRanges } from './plan-ranges.ts';
import { faultOfRanges, movedBuckets, weightsOf } from './ranges.ts';
import { variationNames, weightsOver } from './weights.arbitrary.ts';

const layouts = (names: readonly string[]): fc.Arbitrary<BucketRange[]> =>
  fc
    .array(weightsOver(names), { minLength: 1, maxLength: 4 })
    .map((history) => history.reduce<BucketRange[]>((ranges, weights) => planRanges(weights, ranges), []));

for (const { ranges, fault } of [
  { ranges: 'all', fault: 'must be a list of [start, end, variation]' },
  { ranges: [], fault: 'must end at 100000, not 0' },
  { ranges: [[0, BUCKETS]], fault: 'range 0 must be [start, end, variation]' },
  { ranges: [[0, 0.5, 'on']], fault: 'range 0 must be [start, end, variation]' },
  { ranges: [[0, 0, 'on']], fault: 'start below end' },
  { ranges: [[0, '100000', 'on']], fault: 'range 0 must be' },
  { ranges: [[-1, BUCKETS, 'on']], fault: 'range 0 must start at 0, not -1' },
  {
    ranges: [
      [0, 9, 'on'],
      [8, BUCKETS, 'off'],
    ],
    fault: 'range 1 must start at 9, not 8',
  },
  { ranges: [[0, BUCKETS + 1, 'on']], fault: 'must end at 100000, not 100001' },
]) {
  test(`[E52] ${JSON.stringify(ranges)} are no ranges: ${fault}`, () => {
    expect(faultOfRanges(ranges)).toContain(fault);
  });
}

test('[E52] planned ranges have no fault and amount to their weights', () => {
  const cases = variationNames(6).chain((names) => fc.tuple(layouts(names), weightsOver(names)));
  fc.assert(
    fc.property(cases, ([before, weights]) => {
      const ranges = planRanges(weights, before);
      expect(faultOfRanges(ranges)).toBeUndefined();
      const shares = Object.entries(weights).filter(([, weight]) => weight > 0);
      expect(weightsOf(ranges)).toEqual(Object.fromEntries(shares));
    }),
  );
});

test('[E63] moved buckets are those whose variation differs, one by one', () => {
  const pairs = variationNames(4).chain((names) => fc.tuple(layouts(names), layouts(names)));
  fc.assert(
    fc.property(pairs, ([before, after]) => {
      const left = spread(before);
      const right = spread(after);
      expect(movedBuckets(before, after)).toBe(
        left.filter((variation, index) => variation !== right[index]).length,
      );
    }),
    { numRuns: 20 },
  );
});

function spread(ranges: readonly BucketRange[]): string[] {
  return ranges.flatMap(([start, end, variation]) => Array<string>(end - start).fill(variation));
}
