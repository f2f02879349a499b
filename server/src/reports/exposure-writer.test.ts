import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import type { Clock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import { createWorkMetrics } from '../platform/work-metrics.ts';
import type { ExposureStore } from '../storage/exposure-store.ts';
import { MemoryExposures } from '../storage/memory/memory-exposures.ts';
import { ExposureRollup, minuteOf } from './exposure-rollup.ts';
import { startExposureWriter } from './exposure-writer.ts';

const HERE = { project: 'shop', environment: 'production' };
const log = createLog('silent', { write: () => {} });

test('[R9] however many instances report, a minute of one answer is one row with their sum', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1 }), (counts) => {
      const rollup = new ExposureRollup(10);
      for (const count of counts) rollup.add(HERE, 'server', [exposure('a', count)], 60_001);
      const sum = counts.reduce((total, count) => total + count, 0);
      expect(rollup.take(10)).toEqual([{ ...HERE, ...exposure('a', sum), source: 'server', minute: 60_000 }]);
    }),
  );
});

test('[R9] rows beyond the limit are dropped and counted, known ones go on', () => {
  const rollup = new ExposureRollup(1);
  rollup.add(HERE, 'server', [exposure('a', 1), exposure('b', 5), exposure('a', 2)], 0);
  expect(rollup.dropped).toBe(5);
  expect(rollup.take(10).map(({ flag, count }) => [flag, count])).toEqual([['a', 3]]);
});

test('[R9] what cannot be written is kept and written later, 500 rows at a time', async () => {
  const time = new ManualSchedule();
  const rollup = new ExposureRollup(50_000);
  const memory = new MemoryExposures(() => true);
  const sizes: number[] = [];
  let isBroken = true;
  const store: ExposureStore = {
    read: (query) => memory.read(query),
    prune: (before) => memory.prune(before),
    add: (rows) => {
      if (isBroken) return Promise.reject(new Error('no space'));
      sizes.push(rows.length);
      return memory.add(rows);
    },
  };
  const writer = startExposureWriter({
    rollup,
    store,
    keptDays: 1,
    clock: time,
    schedule: time,
    log,
    work: workOf(time),
  });
  rollup.add(
    HERE,
    'server',
    Array.from({ length: 1_200 }, (_, index) => exposure(`flag-${index}`, 1)),
    time.now(),
  );
  time.pass(5_000);
  await settle();
  isBroken = false;
  rollup.add(HERE, 'server', [exposure('flag-0', 1)], minuteOf(time.now()));
  await writer.stop();
  expect(sizes).toEqual([500, 500, 200]);
  const query = { ...HERE, flag: 'flag-0', from: 0, to: Infinity };
  expect((await memory.read(query)).map(({ count }) => count)).toEqual([2]);
});

test('[R9] counts are deleted after their days', async () => {
  const time = new ManualSchedule();
  const rollup = new ExposureRollup(10);
  const store = new MemoryExposures(() => true);
  const writer = startExposureWriter({
    rollup,
    store,
    keptDays: 1,
    clock: time,
    schedule: time,
    log,
    work: workOf(time),
  });
  const day = 86_400_000;
  await store.add([
    { ...HERE, ...exposure('a', 1), source: 'server', minute: time.now() - day - 60_000 },
    { ...HERE, ...exposure('a', 2), source: 'server', minute: time.now() - day + 600_000 },
  ]);
  time.pass(60_000);
  await settle();
  const left = await store.read({ ...HERE, flag: 'a', from: 0, to: Infinity });
  expect(left.map(({ count }) => count)).toEqual([2]);
  await writer.stop();
});

function exposure(flag: string, count: number) {
  return { flag, variation: 'on', reason: 'SPLIT', count };
}

function workOf(clock: Clock): WorkMetrics {
  return createWorkMetrics(new Registry(), clock);
}
