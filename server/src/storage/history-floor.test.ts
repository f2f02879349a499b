import fc from 'fast-check';
import { expect, it } from 'vitest';
import { floorFor } from './history-floor.ts';

const extent = fc
  .record({ floor: fc.nat({ max: 50 }), kept: fc.nat({ max: 50 }), young: fc.option(fc.nat({ max: 49 })) })
  .map(({ floor, kept, young }) => ({
    floor,
    revision: floor + kept,
    oldestYoung: young === null || young >= kept ? undefined : floor + 1 + young,
  }));

const policy = fc.record({ revisions: fc.nat({ max: 100 }), days: fc.nat({ max: 30 }) });

it('[S19] a floor never falls and never passes the revision', () => {
  fc.assert(
    fc.property(extent, policy, (before, policy) => {
      const floor = floorFor(before, policy);
      expect(floor).toBeGreaterThanOrEqual(before.floor);
      expect(floor).toBeLessThanOrEqual(before.revision);
    }),
  );
});

it('[S18] what is young stays, and so do the last revisions of the policy', () => {
  fc.assert(
    fc.property(extent, policy, (before, policy) => {
      const floor = floorFor(before, policy);
      if (before.oldestYoung !== undefined) expect(floor).toBeLessThan(before.oldestYoung);
      const kept = before.revision - floor;
      expect(kept).toBeGreaterThanOrEqual(Math.min(policy.revisions, before.revision - before.floor));
    }),
  );
});
