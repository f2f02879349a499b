import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { instantOf } from './instant.ts';

const YEARS = {
  min: new Date('0000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
};

test('[E30] what a date writes of itself in ISO 8601 is the same instant', () => {
  fc.assert(
    fc.property(fc.date(YEARS), (date) => {
      expect(instantOf(date.toISOString())).toBe(date.getTime());
      expect(instantOf(date)).toBe(date.getTime());
      expect(instantOf(date.getTime())).toBe(date.getTime());
    }),
  );
});

test('[E30] a date alone is midnight UTC, an offset is taken into account', () => {
  expect(instantOf('2026-11-21')).toBe(Date.UTC(2026, 10, 21));
  expect(instantOf('2026-11-21T01:30+01:30')).toBe(Date.UTC(2026, 10, 21));
  expect(instantOf('2026-11-20T19:00:00.5-05:00')).toBe(Date.UTC(2026, 10, 21, 0, 0, 0, 500));
});

test('[E30] a day that its month does not have is no instant, in leap years and others', () => {
  expect(instantOf('2024-02-29')).toBe(Date.UTC(2024, 1, 29));
  expect(instantOf('0000-02-29')).not.toBeNaN();
  for (const text of [
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-02-30T00:00:00Z',
    '2026-00-10',
    '2026-13-01',
  ]) {
    expect(instantOf(text), text).toBeNaN();
  }
});

test('[E30] a time without an offset, other notations and other types are no instants', () => {
  for (const value of [
    '2026-11-21T10:00:00',
    '2026-11-21 10:00:00Z',
    '2026-11-21T10Z',
    '2026-11-21T25:00Z',
    '21.11.2026',
    'Sat, 21 Nov 2026 10:00:00 GMT',
    '1795251600000',
    '',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(Number.NaN),
    1n,
    true,
    null,
    {},
  ]) {
    expect(instantOf(value), String(value)).toBeNaN();
  }
});
