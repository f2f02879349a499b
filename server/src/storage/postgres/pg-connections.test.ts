import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONNECTIONS_MIN, lanesOf } from './pg-connections.ts';

test('[PG8] every lane has a connection, and all of them with the listener are no more than allowed', () => {
  fc.assert(
    fc.property(fc.integer({ min: CONNECTIONS_MIN, max: 1_000 }), (connectionsMax) => {
      const { reads, writes, reports } = lanesOf(connectionsMax);
      expect(Math.min(reads, writes, reports)).toBeGreaterThanOrEqual(1);
      expect(reads + writes + reports + 1).toBeLessThanOrEqual(connectionsMax);
    }),
  );
});
