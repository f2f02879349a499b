import { expect, test } from 'vitest';
import { createHeartbeatWheel, SLOT_MS_MAX, slotsOf } from './heartbeat-wheel.ts';
import { ManualSchedule } from './manual-schedule.fixture.ts';

function setUp(periodMs: number, members: number) {
  const schedule = new ManualSchedule();
  const wheel = createHeartbeatWheel({ schedule, clock: schedule, periodMs });
  const beats: { readonly member: number; readonly at: number }[] = [];
  const removals = Array.from({ length: members }, (_, member) =>
    wheel.add({ heartbeat: (at) => beats.push({ member, at }) }),
  );
  return { schedule, wheel, beats, removals };
}

test('[D11] each stream beats once per period, at a steady distance', () => {
  const { schedule, beats } = setUp(15_000, 100);
  schedule.pass(45_000);
  for (let member = 0; member < 100; member += 1) {
    const times = beats.filter((beat) => beat.member === member).map(({ at }) => at);
    expect(times).toHaveLength(3);
    expect([(times[1] ?? 0) - (times[0] ?? 0), (times[2] ?? 0) - (times[1] ?? 0)]).toEqual([15_000, 15_000]);
  }
});

test('[D11] ten thousand streams never beat together', () => {
  const { schedule, beats } = setUp(15_000, 10_000);
  let largest = 0;
  for (let turn = 0; turn < slotsOf(15_000); turn += 1) {
    const before = beats.length;
    schedule.pass(SLOT_MS_MAX);
    largest = Math.max(largest, beats.length - before);
  }
  expect(beats).toHaveLength(10_000);
  expect(largest).toBeLessThanOrEqual(Math.ceil(10_000 / slotsOf(15_000)));
});

test('[D11] the places of streams that left are filled again', () => {
  const { schedule, wheel, beats, removals } = setUp(1_000, 8);
  for (const remove of removals.slice(0, 4)) remove();
  for (let index = 0; index < 4; index += 1)
    wheel.add({ heartbeat: (at) => beats.push({ member: 100 + index, at }) });
  schedule.pass(1_000);
  const turns = [...new Set(beats.map(({ at }) => at))];
  expect(turns.map((turn) => beats.filter(({ at }) => at === turn).length)).toEqual([2, 2, 2, 2]);
});

test('[D11] a period shorter than a slot has one slot', () => {
  const { schedule, beats } = setUp(50, 3);
  schedule.pass(50);
  expect(beats).toHaveLength(3);
});

test('[D11] a closed wheel stands still', () => {
  const { schedule, wheel, beats } = setUp(1_000, 8);
  wheel.close();
  schedule.pass(10_000);
  expect(beats).toEqual([]);
  expect(schedule.pending).toBe(0);
});
