import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamAge } from './stream-age.ts';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('[D19] an age is at least half of the greatest and never above it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 86_400_000 }), chance, (greatestMs, drawn) => {
      const ageMs = streamAge(greatestMs, drawn);
      expect(ageMs).toBeGreaterThanOrEqual(Math.floor(greatestMs / 2));
      expect(ageMs).toBeLessThanOrEqual(greatestMs);
    }),
  );
  expect(streamAge(3_600_000, 0.5)).toBe(2_700_000);
});

test('[D22] however many streams come and go, their ages are a thousand, evenly spread (OVL-1)', () => {
  const draws = Array.from({ length: 100_000 }, (_, index) => index / 100_000);
  const ages = new Set(draws.map((drawn) => streamAge(3_600_000, drawn)));
  expect(ages.size).toBe(1_000);
});
