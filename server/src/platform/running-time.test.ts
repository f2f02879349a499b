import { expect, test } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { afterRunning } from './running-time.ts';

function started(durationMs: number): {
  readonly time: ManualSchedule;
  readonly runs: number[];
  readonly callOff: () => void;
} {
  const time = new ManualSchedule();
  const beganAt = time.now();
  const runs: number[] = [];
  const callOff = afterRunning(time, durationMs, () => runs.push(time.now() - beganAt));
  return { time, runs, callOff };
}

test('[PG23] what is due after a time that the process ran is due then, once', () => {
  const { time, runs } = started(2_000);
  time.pass(1_999);
  expect(runs).toEqual([]);
  time.pass(5_000);
  expect(runs).toEqual([2_000]);
  expect(time.pending).toBe(0);
});

test('[PG23] a standstill counts as a quarter of a second, however long it was', () => {
  const { time, runs } = started(2_000);
  time.pass(1_000);
  time.pause(60_000);
  time.pass(0);
  expect(runs).toEqual([]);
  time.pass(749);
  expect(runs).toEqual([]);
  time.pass(1);
  expect(runs).toEqual([61_750]);
});

test('[PG23] what was called off does not run', () => {
  const { time, runs, callOff } = started(2_000);
  time.pass(1_900);
  callOff();
  time.pass(10_000);
  expect(runs).toEqual([]);
});
