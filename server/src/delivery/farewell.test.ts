import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dueAt } from './farewell.ts';

test('[D21] goodbyes come at a constant rate, and all in time', () => {
  const run = fc.record({ total: fc.nat(20_000), spreadMs: fc.integer({ min: 1, max: 60_000 }) });
  fc.assert(
    fc.property(run, fc.double({ min: 0, max: 1, noNaN: true }), ({ total, spreadMs }, share) => {
      const elapsedMs = share * spreadMs;
      expect(Math.abs(dueAt(total, elapsedMs, spreadMs) - total * share)).toBeLessThanOrEqual(1);
      expect(dueAt(total, spreadMs, spreadMs)).toBe(total);
      expect(dueAt(total, -5, spreadMs)).toBe(0);
    }),
  );
});
