import type { ReceiptView } from '@dimmer/schema/rest';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { newInstance } from '../reports/instance.ts';
import { receiptOf } from '../reports/receipt.ts';
import {
  RECEIPT_INTERVAL_MS,
  ReceiptWatch,
  stepOf,
  WATCHED_MS,
  WATCHED_REVISIONS_MAX,
} from './receipt-watch.ts';

const COMMITTED = Date.parse('2026-11-21T09:00:00Z');
const subject = { epoch: 'k3v9', revision: 1, committedAt: COMMITTED };
const straggler = newInstance('web-1');
const open = receiptOf(subject, [straggler], COMMITTED);
const complete = receiptOf(subject, [], COMMITTED);

test.each([
  ['the first', undefined, open, 0, { isNews: true, isLast: false }],
  [
    'the same, made later',
    open,
    { ...open, at: '2026-11-21T09:00:09Z' },
    9_000,
    { isNews: false, isLast: false },
  ],
  ['another', open, { ...open, applied: 1 }, 9_000, { isNews: true, isLast: false }],
  ['a complete one', open, complete, 9_000, { isNews: true, isLast: true }],
  ['the same, when its time is over', open, open, WATCHED_MS, { isNews: true, isLast: true }],
])('[L4] %s', (_, before, receipt, age, step) => {
  expect(stepOf(before, receipt, COMMITTED + age)).toEqual(step);
});

test('[L4] of more revisions than are watched, the one that was watched longest gets its last receipt', async () => {
  const { time, watch, told } = watching();
  const last = WATCHED_REVISIONS_MAX + 1;
  for (let revision = 1; revision <= last; revision += 1) {
    watch.watch({ epoch: 'k3v9', revision, committedAt: time.now() });
  }
  expect(told.map(({ revision }) => revision)).toEqual([1]);
  time.pass(RECEIPT_INTERVAL_MS);
  for (let turn = 0; turn < 2 * last; turn += 1) await settle();
  expect(told.map(({ revision }) => revision)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
});

test('[L5] one receipt is made per turn of the event loop', async () => {
  const { time, watch, told } = watching();
  for (const revision of [1, 2, 3]) watch.watch({ epoch: 'k3v9', revision, committedAt: time.now() });
  time.pass(RECEIPT_INTERVAL_MS);
  const perTurn: number[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const before = told.length;
    await settle();
    perTurn.push(told.length - before);
  }
  expect(told).toHaveLength(3);
  expect(Math.max(...perTurn)).toBe(1);
});

test('[L4] an old revision is not watched, and a closed watch tells nothing', async () => {
  const { time, watch, told } = watching();
  watch.watch({ epoch: 'k3v9', revision: 1, committedAt: time.now() - WATCHED_MS });
  watch.watch({ epoch: 'k3v9', revision: 2, committedAt: time.now() });
  watch.close();
  time.pass(RECEIPT_INTERVAL_MS);
  for (let turn = 0; turn < 8; turn += 1) await settle();
  expect(told).toEqual([]);
});

function watching(): { time: ManualSchedule; watch: ReceiptWatch; told: ReceiptView[] } {
  const time = new ManualSchedule();
  const told: ReceiptView[] = [];
  const watch = new ReceiptWatch({
    clock: time,
    schedule: time,
    instances: () => [straggler],
    onReceipt: (receipt) => told.push(receipt),
    onFailure: (cause) => {
      throw cause;
    },
  });
  return { time, watch, told };
}
