import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { Gate } from './gate.ts';

/** Pieces of work that end when the test says so. */
function setUp(limit: number) {
  const time = new ManualSchedule();
  const gate = new Gate(limit, { clock: time, schedule: time });
  const begun: string[] = [];
  const ends = new Map<string, (fault?: Error) => void>();
  const begin = (name: string, isUrgent = (): boolean => false): Promise<string> =>
    gate.run(() => {
      begun.push(name);
      return new Promise((resolve, reject) => {
        ends.set(name, (fault) => (fault ? reject(fault) : resolve(name)));
      });
    }, isUrgent);
  return { gate, time, begun, ends, begin };
}

test('[M34] no more pieces of work run at once than are let in, and each that ends lets in the next', async () => {
  const { begun, ends, begin } = setUp(2);
  const all = ['a', 'b', 'c', 'd'].map((name) => begin(name).catch(() => `${name} failed`));
  await settle();
  expect(begun).toEqual(['a', 'b']);
  ends.get('b')?.(new Error('gone'));
  await settle();
  await settle();
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c', 'd']) {
    ends.get(name)?.();
    await settle();
    await settle();
  }
  expect(await Promise.all(all)).toEqual(['a', 'b failed', 'c', 'd']);
  expect(await Promise.race([begin('e'), settle()])).toBe(undefined);
  expect(begun.at(-1)).toBe('e');
});

test('[M34] what somebody waits for goes first, also where that began after it was its turn to wait', async () => {
  const { begun, ends, begin } = setUp(1);
  let isAskedFor = false;
  for (const name of ['first', 'idle']) void begin(name);
  void begin('asked', () => isAskedFor);
  isAskedFor = true;
  ends.get('first')?.();
  await settle();
  await settle();
  expect(begun).toEqual(['first', 'asked']);
});

test('[M34] the gate tells when work last went well', async () => {
  const { gate, time, ends, begin } = setUp(1);
  expect(gate.movedAt).toBeUndefined();
  const good = begin('good');
  time.pass(500);
  ends.get('good')?.();
  await good;
  const at = gate.movedAt;
  expect(at).toBe(time.now());
  const bad = begin('bad');
  time.pass(500);
  ends.get('bad')?.(new Error('gone'));
  await expect(bad).rejects.toThrow('gone');
  expect(gate.movedAt).toBe(at);
});
