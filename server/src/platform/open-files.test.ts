import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectionsWithin, readOpenFilesMax, softLimitOf } from './open-files.ts';

test('[A93] connections leave files to the database, and streams leave connections to requests', () => {
  expect(connectionsWithin(1_024)).toEqual({ connectionsMax: 960, streamsMax: 840 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (openFilesMax) => {
      const { connectionsMax, streamsMax } = connectionsWithin(openFilesMax);
      expect(streamsMax).toBeGreaterThanOrEqual(1);
      expect(streamsMax).toBeLessThan(connectionsMax);
      if (openFilesMax > 66) expect(connectionsMax).toBe(openFilesMax - 64);
    }),
  );
});

test('[A93] the limit of the process is read, and may be missing', () => {
  const limit = readOpenFilesMax();
  if (limit !== undefined) expect(limit).toBeGreaterThan(0);
  expect(softLimitOf({ userLimits: { open_files: { soft: 1_024, hard: 4_096 } } })).toBe(1_024);
  expect(softLimitOf({ userLimits: { open_files: { soft: 'unlimited' } } })).toBeUndefined();
  expect(softLimitOf({})).toBeUndefined();
});
