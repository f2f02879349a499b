import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import type { Clock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import { createWorkMetrics } from '../platform/work-metrics.ts';
import { batchOf } from '../storage/counted-batch.fixture.ts';
import type { ExposureCount, ExposureStore } from '../storage/exposure-store.ts';
import { MemoryExposures } from '../storage/memory/memory-exposures.ts';
import type { BatchOrigin } from './batch-name.ts';
import { batchNameOf } from './batch-name.ts';
import { ExposureRollup } from './exposure-rollup.ts';
import { startExposureWriter } from './exposure-writer.ts';

const HERE = { project: 'shop', environment: 'production' };
const log = createLog('silent', { write: () => {} });

const PLENTY = { rows: 50_000, counts: 1_000_000 };

test('[R9] however many instances report, a minute of one answer is one row with their sum', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1 }), (counts) => {
      const rollup = new ExposureRollup(PLENTY);
      for (const [index, count] of counts.entries()) {
        rollup.add(batch(String(index)), [exposure('a', count)], 60_001);
      }
      const sum = counts.reduce((total, count) => total + count, 0);
      const row = { ...HERE, ...exposure('a', sum), source: 'server', minute: 60_000 };
      expect(allOf(rollup, new Set())).toEqual([row]);
    }),
  );
});

test('[R2] batches that were added before are taken out of the sums of their transaction, whatever they counted', () => {
  const flags = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 9 })));
  const batches = fc.array(fc.record({ exposures: flags, isKnown: fc.boolean() }));
  fc.assert(
    fc.property(batches, (told) => {
      const rollup = new ExposureRollup(PLENTY);
      const expected = new Map<string, number>();
      const known = new Set<string>();
      for (const [index, { exposures, isKnown }] of told.entries()) {
        const origin = batch(String(index));
        rollup.add(
          origin,
          exposures.map(([flag, count]) => exposure(flag, count)),
          0,
        );
        if (isKnown) known.add(batchNameOf(origin));
        else for (const [flag, count] of exposures) expected.set(flag, (expected.get(flag) ?? 0) + count);
      }
      const sums = new Map(allOf(rollup, known).map(({ flag, count }) => [flag, count]));
      expect(sums).toEqual(expected);
    }),
  );
});

test('[R2] a batch that waits to be written is not taken in again', () => {
  const rollup = new ExposureRollup(PLENTY);
  for (const id of ['1', '1', '2']) rollup.add(batch(id), [exposure('a', 1)], 0);
  expect(allOf(rollup, new Set()).map(({ count }) => count)).toEqual([2]);
});

test('[R2] batches are told apart by environment, kind of key, instance and id', () => {
  const origin = batch('1');
  const others = [
    { ...origin, project: 'blog' },
    { ...origin, environment: 'staging' },
    { ...origin, source: 'client' as const },
    { ...origin, instance: 'other' },
    { ...origin, id: '2' },
  ];
  expect(new Set([origin, ...others].map(batchNameOf)).size).toBe(6);
  expect(batchNameOf({ ...origin })).toBe(batchNameOf(origin));
  expect(batchNameOf(origin)).toMatch(/^[\w-]{22}$/);
});

test('[R9] where there is no room, batches are dropped and counted, and there is room again once some are written', () => {
  const rollup = new ExposureRollup({ rows: 2, counts: 100 });
  rollup.add(batch('1'), [exposure('a', 1)], 0);
  expect([rollup.hasRoom(0.5), rollup.hasRoom(1)]).toEqual([false, true]);
  rollup.add(batch('2'), [exposure('b', 2)], 0);
  expect([rollup.hasRoom(1), rollup.rows]).toEqual([false, 2]);
  rollup.add(batch('3'), [exposure('a', 5), exposure('c', 6)], 0);
  expect(rollup.dropped).toBe(11);
  expect(allOf(rollup, new Set())).toHaveLength(2);
  expect([rollup.hasRoom(0.5), rollup.rows]).toEqual([true, 0]);
});

test('[R9] what batches counted has its limit as well, however few rows it makes', () => {
  const rollup = new ExposureRollup({ rows: 100, counts: 3 });
  for (const id of ['1', '2', '3']) rollup.add(batch(id), [exposure('a', 1)], 0);
  expect(rollup.hasRoom(1)).toBe(false);
});

test('[R9] what cannot be written is kept and written later, batch by batch', async () => {
  const memory = new MemoryExposures(() => true);
  const sizes: number[] = [];
  let isBroken = true;
  const { rollup, writer, time } = writing({
    read: (query) => memory.read(query),
    totals: (query) => memory.totals(query),
    prune: (before) => memory.prune(before),
    pruneBatches: (policy) => memory.pruneBatches(policy),
    add: (batches) => {
      if (isBroken) return Promise.reject(new Error('no space'));
      sizes.push(batches.countsWithout(new Set()).length);
      return memory.add(batches);
    },
  });
  const flags = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => exposure(`flag-${from + index}`, 1));
  rollup.add(batch('1'), flags(0, 600), time.now());
  rollup.add(batch('2'), flags(400, 900), time.now());
  rollup.add(batch('3'), flags(800, 1_200), time.now());
  rollup.add(batch('4'), flags(0, 1_500), time.now());
  time.pass(5_000);
  await settle();
  isBroken = false;
  rollup.add(batch('5'), [exposure('flag-0', 1)], time.now());
  await writer.stop();
  expect(sizes).toEqual([900, 400, 1_500, 1]);
  const query = { ...HERE, flag: 'flag-0', from: 0, to: Infinity };
  expect((await memory.read(query)).reduce((sum, { count }) => sum + count, 0)).toBe(3);
});

test('[R2] a write whose outcome nobody heard is repeated, and counts once', async () => {
  const memory = new MemoryExposures(() => true);
  let isUnheard = true;
  const { rollup, writer, time, repeated } = writing({
    read: (query) => memory.read(query),
    totals: (query) => memory.totals(query),
    prune: (before) => memory.prune(before),
    pruneBatches: (policy) => memory.pruneBatches(policy),
    add: async (batches) => {
      const known = await memory.add(batches);
      if (isUnheard) throw new Error('the connection broke');
      return known;
    },
  });
  rollup.add(batch('1'), [exposure('a', 3)], time.now());
  time.pass(5_000);
  await settle();
  isUnheard = false;
  await writer.stop();
  const written = await memory.read({ ...HERE, flag: 'a', from: 0, to: Infinity });
  expect(written.map(({ count }) => count)).toEqual([3]);
  expect(repeated).toEqual([1]);
});

test('[R9] counts are deleted after their days, names of batches after one', async () => {
  const store = new MemoryExposures(() => true);
  const { writer, time } = writing(store);
  const day = 86_400_000;
  const counts = [
    { ...HERE, ...exposure('a', 1), source: 'server', minute: time.now() - day - 60_000 },
    { ...HERE, ...exposure('a', 2), source: 'server', minute: time.now() - day + 600_000 },
  ] as const;
  await store.add(batchOf('old', counts, time.now() - day - 60_000));
  await store.add(batchOf('young', [], time.now() - day + 600_000));
  time.pass(60_000);
  for (let turn = 0; turn < 5; turn += 1) {
    time.pass(1);
    await settle();
  }
  const left = await store.read({ ...HERE, flag: 'a', from: 0, to: Infinity });
  expect(left.map(({ count }) => count)).toEqual([2]);
  const names = { names: ['old', 'young'], at: 0, countsWithout: () => [] };
  expect([...(await store.add(names))]).toEqual(['young']);
  await writer.stop();
});

function writing(store: ExposureStore) {
  const time = new ManualSchedule();
  const rollup = new ExposureRollup(PLENTY);
  const repeated: number[] = [];
  const writer = startExposureWriter({
    rollup,
    store,
    keptDays: 1,
    clock: time,
    schedule: time,
    log,
    work: workOf(time),
    onRepeated: (batches) => repeated.push(batches),
  });
  return { time, rollup, writer, repeated };
}

function batch(id: string): BatchOrigin {
  return { ...HERE, source: 'server', instance: 'web-1', id };
}

/** Everything that waits, without the batches that were added before. */
function allOf(rollup: ExposureRollup, known: ReadonlySet<string>): ExposureCount[] {
  const all: ExposureCount[] = [];
  for (let group = rollup.take(); group !== undefined; group = rollup.take()) {
    all.push(...group.toAdd(0).countsWithout(known));
  }
  return all;
}

function exposure(flag: string, count: number) {
  return { flag, variation: 'on', reason: 'SPLIT', count };
}

function workOf(clock: Clock): WorkMetrics {
  return createWorkMetrics(new Registry(), clock);
}
