import fc from 'fast-check';
import { expect, test } from 'vitest';
import { receiptOf } from '../reports/receipt.ts';
import type { Change } from '../storage/storage.ts';
import { LiveLog } from './live-log.ts';
import { LiveSource } from './live-source.ts';

const changeOf = (revision: number): Change => ({
  revision,
  at: '2026-11-21T09:00:00.000Z',
  actor: { id: 'k1', name: 'ci' },
  action: 'changes',
  reason: 'x'.repeat(100),
  kill: false,
  objects: [],
});

const receipt = (revision: number) => receiptOf({ epoch: 'k3v9', revision, committedAt: 0 }, [], 0);

const told = (bytes: Buffer, event: string): number[] =>
  bytes
    .toString()
    .split('\n\n')
    .filter((block) => block.includes(`event: ${event}\n`))
    .map((block) => JSON.parse(block.slice(block.indexOf('data: ') + 6)).revision);

test('[L3] pages, commits and takings in any order tell every change once', () => {
  const steps = fc.array(fc.constantFrom('commit' as const, 'page' as const, 'take' as const), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 7 }), steps, (head, back, size, order) => {
      const history = Array.from({ length: head }, (_, index) => changeOf(index + 1));
      const log = new LiveLog('k3v9', head);
      const since = Math.max(0, head - back);
      let isAsked = false;
      const source = new LiveSource(log, since, () => {
        isAsked = true;
      });
      isAsked = source.isBehind;
      const seen: number[] = [];
      let reached = source.revision;
      const run = (step: (typeof order)[number]): void => {
        if (step === 'commit') {
          history.push(changeOf(history.length + 1));
          log.add(changeOf(history.length));
        } else if (step === 'page' && isAsked) {
          isAsked = false;
          source.supply(history.slice(source.told, source.told + size));
        } else if (step === 'take' && source.revision !== reached) {
          reached = source.revision;
          seen.push(...told(source.bytesSince() ?? Buffer.alloc(0), 'change'));
        }
      };
      for (const step of order) run(step);
      for (let round = 0; round < 40; round += 1) for (const step of ['page', 'take'] as const) run(step);
      expect(seen).toEqual(Array.from({ length: history.length - since }, (_, index) => since + 1 + index));
    }),
  );
});

test('[L4] a late reader gets the newest receipt of each revision that it is told of, after the changes', () => {
  const log = new LiveLog('k3v9', 0);
  for (const revision of [1, 2, 3]) log.add(changeOf(revision));
  log.addReceipt(receipt(1));
  for (const revision of [2, 3, 2]) log.addReceipt(receipt(revision));
  const source = new LiveSource(log, 1, () => {});
  const bytes = source.bytesSince() ?? Buffer.alloc(0);
  expect([told(bytes, 'change'), told(bytes, 'receipt')]).toEqual([
    [2, 3],
    [2, 3],
  ]);
});

test('[L7] a reader that has missed more than is kept begins again', () => {
  const log = new LiveLog('k3v9', 0, 1_000);
  const source = new LiveSource(log, 0, () => {});
  log.add(changeOf(1));
  expect(told(source.bytesSince() ?? Buffer.alloc(0), 'change')).toEqual([1]);
  for (let revision = 2; revision < 30; revision += 1) log.add(changeOf(revision));
  expect(source.bytesSince()).toBeUndefined();
  expect(log.reaches(28)).toBe(true);
});
