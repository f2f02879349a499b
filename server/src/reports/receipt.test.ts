import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instance } from './instance.ts';
import { newInstance } from './instance.ts';
import { percentileOf, receiptOf, STRAGGLERS_MAX } from './receipt.ts';

const COMMITTED = 1_000_000;
const subject = { epoch: 'e1', revision: 10, committedAt: COMMITTED };
const NOW = COMMITTED + 5_000;

test('[R5] who is at the revision or past it has applied it; who is at an older one, or in another epoch, has not', () => {
  const receipt = receiptOf(subject, [at('a', 9), at('b', 10), at('c', 12), at('d', 12, 'e2')], NOW);
  expect(receipt).toMatchObject({ instances: 4, applied: 2, complete: false });
  expect(receipt.stragglers.map(({ id }) => id)).toEqual(['a', 'd']);
});

test('[R5] who connected after the commit and has said nothing is left out; who did so before is a straggler', () => {
  const silent = (id: string, connectedAt: number): Instance => ({
    ...newInstance(id),
    streams: 1,
    connectedAt,
  });
  const receipt = receiptOf(subject, [silent('new', COMMITTED + 1), silent('old', COMMITTED - 1)], NOW);
  expect(receipt).toMatchObject({ instances: 1, applied: 0, stragglers: [{ id: 'old', state: null }] });
});

test('[R5] stragglers beyond the limit are counted', () => {
  const many = Array.from({ length: STRAGGLERS_MAX + 7 }, (_, index) => at(`i${index}`, 1));
  const receipt = receiptOf(subject, many, NOW);
  expect(receipt.stragglers).toHaveLength(STRAGGLERS_MAX);
  expect(receipt.stragglersOmitted).toBe(7);
});

test('[R7] latency is that of the step that passed the revision, of instances that ran then', () => {
  const stepped = stepping(at('a', 12), 9, 12, COMMITTED + 40);
  const late = stepping({ ...at('b', 10), startedAt: COMMITTED + 1 }, 3, 10, COMMITTED + 900);
  const before = stepping(at('c', 10), 10, 11, COMMITTED + 700);
  expect(receiptOf(subject, [stepped, late, before], NOW).latency).toEqual({
    count: 1,
    p50Ms: 40,
    p95Ms: 40,
    p99Ms: 40,
    maxMs: 40,
  });
});

test('[R7] a moment before the commit is no negative latency', () => {
  expect(receiptOf(subject, [stepping(at('a', 10), 9, 10, COMMITTED - 3)], NOW).latency?.maxMs).toBe(0);
});

test('[R8] the old was served until the last has left it, and for all that is known still is while one has not', () => {
  const first = stepping(at('a', 10), 9, 10, COMMITTED + 40);
  const last = stepping(at('b', 10), 9, 10, COMMITTED + 90);
  expect(receiptOf(subject, [first, last], NOW).oldServedUntil).toBe(new Date(COMMITTED + 90).toISOString());
  expect(receiptOf(subject, [first, last, at('c', 9)], NOW).oldServedUntil).toBeNull();
  expect(receiptOf(subject, [], NOW)).toMatchObject({ complete: true, latency: null, instances: 0 });
});

test('[R7] a percentile is one of the values, and no more than its share exceed it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.95, 0.99, 1),
      (values, share) => {
        const sorted = [...values].sort((one, other) => one - other);
        const found = percentileOf(sorted, share);
        expect(values).toContain(found);
        const above = values.filter((value) => value > found).length;
        expect(above).toBeLessThanOrEqual((1 - share) * values.length + 1e-9);
      },
    ),
  );
});

function at(id: string, revision: number, epoch = 'e1'): Instance {
  const status = { state: 'LIVE', mode: 'stream', epoch, revision, ageMs: 0, clockOffsetMs: null };
  return { ...newInstance(id), status, startedAt: COMMITTED - 60_000, heardAt: NOW };
}

function stepping(instance: Instance, from: number, revision: number, moment: number): Instance {
  return { ...instance, applied: [{ epoch: 'e1', from, revision, at: moment }] };
}
