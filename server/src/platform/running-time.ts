import type { Schedule } from './schedule.ts';

/** So much is counted at a time, in milliseconds, and so much of a standstill. */
const STEP_MS = 250;

/**
 * Runs a call once this process has run for so long. What it waits for may have come while it stood still, because it was
 * stopped, its machine was paused, or it was busy with itself: such a time says nothing about whoever is to answer.
 *
 * @param durationMs - Of the time that the process ran, in milliseconds.
 * @returns A function that calls it off.
 * @example const callOff = afterRunning(schedule, 2_000, () => giveUp());
 */
export function afterRunning(
  schedule: Pick<Schedule, 'every'>,
  durationMs: number,
  run: () => void,
): () => void {
  let stepsLeft = Math.ceil(durationMs / STEP_MS);
  // A timer that is late runs once, however late it is.
  const stop = schedule.every(STEP_MS, () => {
    stepsLeft -= 1;
    if (stepsLeft > 0) return;
    stop();
    run();
  });
  return stop;
}
