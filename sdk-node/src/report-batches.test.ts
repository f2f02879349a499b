import { readFileSync } from 'node:fs';
import { REPORT_LIMITS } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Counted } from './report-batches.ts';
import { batchesOf } from './report-batches.ts';
import { SDK } from './sdk-version.ts';

const exposures = fc.array(
  fc.record({
    flag: fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
    variation: fc.option(fc.string()),
    reason: fc.constant('SPLIT' as const),
    revision: fc.nat(),
    fallback: fc.oneof(fc.string({ maxLength: 500 }), fc.boolean(), fc.constant(undefined)),
    count: fc.integer({ min: 1, max: 1_000 }),
  }),
  { maxLength: 50 },
);

test('[N84] every count is in exactly one batch, and every batch fits', () => {
  fc.assert(
    fc.property(exposures, fc.integer({ min: 1, max: 100 }), (few, times) => {
      const many = Array.from({ length: times }, () => few).flat();
      const batches = batchesOf(counted({ exposures: many }), newIds());
      const total = (list: readonly { readonly count: number }[]): number =>
        list.reduce((sum, { count }) => sum + count, 0);
      expect(total(batches.flatMap((batch) => batch.exposures))).toBe(total(many));
      expect(new Set(batches.map(({ id }) => id)).size).toBe(batches.length);
      for (const batch of batches) {
        expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(REPORT_LIMITS.wireBytes);
        expect(batch.exposures.length).toBeLessThanOrEqual(REPORT_LIMITS.exposuresPerBatch);
        for (const { flag } of batch.exposures) expect(flag.length).toBeLessThanOrEqual(200);
      }
    }),
    { numRuns: 50 },
  );
});

test('[N84] an event that is too large or no JSON is dropped and counted', () => {
  const circular: Record<string, never> = {};
  Object.assign(circular, { circular });
  const events = [
    { name: 'good', at: '', details: {} },
    { name: 'large', at: '', details: { text: 'x'.repeat(20_000) } },
    { name: 'circular', at: '', details: circular },
  ];
  const [batch, ...others] = batchesOf(counted({ events, dropped: { exposures: 3, events: 1 } }), newIds());
  expect(others).toEqual([]);
  expect(batch?.events.map(({ name }) => name)).toEqual(['good']);
  expect(batch?.dropped).toEqual({ exposures: 3, events: 3 });
});

test('[N84] nothing counted makes no batch', () => {
  expect(batchesOf(counted({}), newIds())).toEqual([]);
});

test('reports name the package as it is', () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(manifest).toMatchObject(SDK);
});

function counted(some: Partial<Counted>): Counted {
  return { exposures: [], events: [], dropped: { exposures: 0, events: 0 }, ...some };
}

function newIds(): () => string {
  let count = 0;
  return () => `batch-${++count}`;
}
