import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.parse('2026-11-21T00:00:00Z');

test('[N51] seconds and dates are read, and a date that is past asks for nothing', () => {
  expect(retryAfterMs(' 2 ', now)).toBe(2_000);
  expect(retryAfterMs('Saturday, 21-Nov-26 00:00:01 GMT', now)).toBe(1_000);
  expect(retryAfterMs('Fri, 20 Nov 2026 00:00:00 GMT', now)).toBe(0);
});

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Sat, 21 Nov 2026 00:00:05 GMT', 5_000],
  ['Fri, 20 Nov 2026 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
])('[N51] Retry-After %j is %j', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});
