import { BUCKETS } from '@dimmer/schema';
import * as fc from 'fast-check';

/** Weights of the given variations: percent in steps of 0.001, 100 in total; shares of 0 occur often. */
export function weightsOver(variations: readonly string[]): fc.Arbitrary<Record<string, number>> {
  const border = fc.oneof(fc.integer({ min: 0, max: BUCKETS }), fc.constantFrom(0, 10_000, 50_000, BUCKETS));
  return fc
    .array(border, { minLength: variations.length - 1, maxLength: variations.length - 1 })
    .map((borders) => {
      const ends = [...borders.toSorted((a, b) => a - b), BUCKETS];
      return Object.fromEntries(
        variations.map((variation, index) => [
          variation,
          ((ends[index] ?? 0) - (ends[index - 1] ?? 0)) / 1000,
        ]),
      );
    });
}

/** Names of one to `max` variations. */
export function variationNames(max: number): fc.Arbitrary<string[]> {
  return fc.integer({ min: 1, max }).map((count) => Array.from({ length: count }, (_, index) => `v${index}`));
}

/** Several weights over the same variations, as a rollout sees them over time. */
export function weightHistories(
  variationsMax: number,
  changes: number,
): fc.Arbitrary<Record<string, number>[]> {
  return variationNames(variationsMax).chain((names) =>
    fc.array(weightsOver(names), { minLength: 1, maxLength: changes }),
  );
}
