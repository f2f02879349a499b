import { BUCKETS } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketOf } from './bucket.ts';
import { hashText } from './hash.ts';

const KEYS = 1_000_000;

test('[E50] a bucket is the hash, scaled to 100,000 and rounded down', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 0xffff_ffff }), (subject, seed) => {
      const exact = (BigInt(hashText(subject, seed)) * BigInt(BUCKETS)) / 2n ** 32n;
      expect(bucketOf(subject, seed)).toBe(Number(exact));
    }),
    { numRuns: 2_000 },
  );
});

test('[E50] a million keys spread evenly over the buckets', () => {
  const counts = new Uint32Array(1_000);
  forEachKey((key) => increment(counts, Math.floor(bucketOf(key, 42) / 100)));
  expect(chiSquared(counts, KEYS / counts.length)).toBeLessThan(chiSquaredLimit(counts.length - 1));
});

test('[E53] seeds are independent: two buckets of a million keys fill a grid evenly', () => {
  const cells = new Uint32Array(100 * 100);
  forEachKey((key) => {
    increment(cells, Math.floor(bucketOf(key, 1) / 1_000) * 100 + Math.floor(bucketOf(key, 2) / 1_000));
  });
  expect(chiSquared(cells, KEYS / cells.length)).toBeLessThan(chiSquaredLimit(cells.length - 1));
});

test('[E53] rollouts with one seed put a subject into one bucket', () => {
  expect(bucketOf('user-1', 7)).toBe(bucketOf('user-1', 7));
  expect(new Set(Array.from({ length: 50 }, (_, seed) => bucketOf('user-1', seed))).size).toBeGreaterThan(45);
});

function forEachKey(visit: (key: string) => void): void {
  for (let index = 0; index < KEYS; index += 1) visit(`user-${index}`);
}

function increment(counts: Uint32Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

function chiSquared(counts: Uint32Array, expected: number): number {
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Five standard deviations above the mean: a sound hash fails once in millions of hashes. */
function chiSquaredLimit(degreesOfFreedom: number): number {
  return degreesOfFreedom + 5 * Math.sqrt(2 * degreesOfFreedom);
}
