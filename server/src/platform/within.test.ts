import { expect, test, vi } from 'vitest';
import { within } from './within.ts';

/** A schedule of which the test decides when the time is up. */
function setUp() {
  const calledOff = vi.fn();
  const runs: (() => void)[] = [];
  const after = (_delayMs: number, run: () => void): (() => void) => {
    runs.push(run);
    return calledOff;
  };
  return { schedule: { after }, timeIsUp: () => runs.forEach((run) => void run()), calledOff };
}

const never = new Promise<string>(() => {});

test('what is done in time is answered, and the timer is called off', async () => {
  const { schedule, calledOff } = setUp();
  expect(await within(1_000, schedule, Promise.resolve('done'))).toBe('done');
  expect(calledOff).toHaveBeenCalledOnce();
});

test('what takes longer is answered with nothing', async () => {
  const { schedule, timeIsUp } = setUp();
  const answer = within(1_000, schedule, never);
  timeIsUp();
  expect(await answer).toBeUndefined();
});

test('what fails in time fails, and the timer is called off', async () => {
  const { schedule, calledOff } = setUp();
  await expect(within(1_000, schedule, Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(calledOff).toHaveBeenCalledOnce();
});
