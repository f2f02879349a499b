import type { Schedule } from './schedule.ts';

/**
 * What work comes to, where it does so in time. What takes longer goes on all the same.
 *
 * @param limitMs - Milliseconds.
 * @returns `undefined` where the time is up.
 * @throws What the work throws in time. What it throws later is heard by nobody.
 * @example const kept = await within(1_000, schedule, file.keep());
 */
export async function within<T>(
  limitMs: number,
  schedule: Pick<Schedule, 'after'>,
  work: Promise<T>,
): Promise<T | undefined> {
  let callOff = (): void => {};
  const timeIsUp = new Promise<undefined>((resolve) => {
    callOff = schedule.after(limitMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([work, timeIsUp]);
  } finally {
    callOff();
  }
}
