import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { systemRandom } from '../platform/random.ts';
import type { Forwarded } from './report-bundle.ts';
import { bundleOf } from './report-bundle.ts';
import { ReportLane } from './report-lane.ts';
import type { Sending } from './report-sender.ts';

interface Sent {
  readonly id: string;
  readonly reports: readonly { readonly via: string; readonly heldMs: number; readonly report: unknown }[];
}

const TAKEN: Sending = { outcome: 'taken' };

function world(answer: (sent: Sent) => Sending | Promise<Sending> = () => TAKEN) {
  const time = new ManualSchedule();
  const sent: Sent[] = [];
  const done: [unknown, boolean][] = [];
  const lane = new ReportLane({
    pace: { gatherMs: 50, entriesMax: 3, bytesMax: 100 },
    send: async (json) => {
      const bundle = JSON.parse(json) as Sent;
      sent.push(bundle);
      return answer(bundle);
    },
    clock: time,
    random: systemRandom,
    schedule: time,
    onDone: (entries, isTaken) => {
      for (const { json } of entries) done.push([JSON.parse(json), isTaken]);
    },
  });
  const add = (...told: readonly unknown[]): void => {
    for (const one of told) lane.add({ ...entry(one), toldAt: time.now() } as Forwarded);
  };
  const pass = async (ms: number): Promise<void> => {
    time.pass(ms);
    await settle();
  };
  return { time, sent, done, lane, add, pass };
}

function entry(told: unknown): Forwarded {
  return { kind: 'report', json: JSON.stringify(told), via: 'relay-1', toldAt: 0 };
}

const told = ({ reports }: Sent): unknown[] => reports.map(({ report }) => report);

test('[RL12] what comes within a moment goes together, with the time that it was kept', async () => {
  const { sent, add, pass } = world();
  add('a');
  await pass(20);
  add('b');
  await pass(29);
  expect(sent).toEqual([]);
  await pass(1);
  expect(sent.map(({ reports }) => reports)).toEqual([
    [
      { via: 'relay-1', heldMs: 50, report: 'a' },
      { via: 'relay-1', heldMs: 30, report: 'b' },
    ],
  ]);
});

test('[RL12] no bundle has more entries or bytes than it may; one that is larger goes alone', async () => {
  const { sent, add, pass } = world();
  add('a', 'b', 'c', 'd', 'x'.repeat(200), 'e');
  await pass(50);
  for (let turn = 0; turn < 4; turn += 1) await pass(50);
  expect(sent.map(told)).toEqual([['a', 'b', 'c'], ['d'], ['x'.repeat(200)], ['e']]);
});

test('[RL12] what was not heard is sent again under its id, and what came meanwhile waits', async () => {
  let isAway = true;
  const { sent, done, add, pass } = world(() => (isAway ? { outcome: 'failed', retryAfterMs: 0 } : TAKEN));
  add('a');
  await pass(50);
  add('b');
  await pass(10_000);
  isAway = false;
  await pass(60_000);
  await pass(50);
  expect(new Set(sent.filter((one) => told(one).includes('a')).map(({ id }) => id)).size).toBe(1);
  expect(sent.length).toBeGreaterThan(2);
  expect(done).toEqual([
    ['a', true],
    ['b', true],
  ]);
});

test('[RL12] a time that the upstream asks for is kept', async () => {
  let answers = 0;
  const { sent, add, pass } = world(() => {
    answers += 1;
    return answers === 1 ? { outcome: 'failed', retryAfterMs: 10_000 } : TAKEN;
  });
  add('a');
  await pass(50);
  await pass(9_999);
  expect(sent).toHaveLength(1);
  await pass(1);
  expect(sent).toHaveLength(2);
});

test('[RL12] of a bundle that cannot be read all is taken but what is to blame', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(99), { minLength: 1, maxLength: 9 }),
      fc.nat(8),
      async (all, at) => {
        const bad = all[at % all.length];
        const { done, add, pass } = world((sent) =>
          told(sent).includes(bad) ? { outcome: 'unreadable' } : TAKEN,
        );
        add(...all);
        for (let turn = 0; turn < 30; turn += 1) await pass(50);
        expect(done.filter(([, isTaken]) => !isTaken)).toEqual([[bad, false]]);
        expect(done.map(([one]) => one).sort()).toEqual([...all].sort());
      },
    ),
    { numRuns: 30 },
  );
});

test('[RL12] at the end what waits is sent at once, or is left and counted', async () => {
  const { sent, lane, add, pass } = world();
  add('a', 'b');
  const flushed = lane.flush();
  await pass(0);
  await pass(0);
  await flushed;
  expect(sent.map(told)).toEqual([['a', 'b']]);
  expect(lane.close()).toBe(0);

  const away = world(() => ({ outcome: 'failed', retryAfterMs: 0 }));
  away.add('a', 'b');
  const given = away.lane.flush();
  await away.pass(0);
  await given;
  expect(away.lane.close()).toBe(2);
});

test('[RL12] what is on its way when a lane is closed is not sent again', async () => {
  const answers: ((sending: Sending) => void)[] = [];
  const { sent, lane, add, pass } = world(() => new Promise<Sending>((resolve) => answers.push(resolve)));
  add('a');
  await pass(50);
  add('b');
  expect(lane.close()).toBe(2);
  answers[0]?.({ outcome: 'failed', retryAfterMs: 0 });
  for (let turn = 0; turn < 5; turn += 1) await pass(30_000);
  expect(sent.map(told)).toEqual([['a']]);
});

test('[RL12] what fills a bundle does not wait', async () => {
  const { sent, add, pass } = world();
  add(...Array.from({ length: 9 }, (_, index) => `${index}${'x'.repeat(45)}`));
  await pass(50);
  for (let turn = 0; turn < 4; turn += 1) await pass(0);
  expect(sent.map((one) => told(one).length)).toEqual([2, 2, 2, 2]);
  await pass(50);
  expect(sent).toHaveLength(5);
});

test('[RL12] a bundle is the JSON of what it holds', () => {
  const entries: Forwarded[] = [
    entry({ a: 1 }),
    { kind: 'client', json: '{"instance":"p"}' },
    { kind: 'connected', json: '"x","y"' },
    { kind: 'connected', json: '"z"' },
  ];
  expect(JSON.parse(bundleOf('"id"', entries, 7))).toEqual({
    id: '"id"',
    reports: [{ via: 'relay-1', heldMs: 7, report: { a: 1 } }],
    clients: [{ instance: 'p' }],
    connected: ['x', 'y', 'z'],
  });
});
