import { afterRunning } from '../../platform/running-time.ts';
import type { Schedule } from '../../platform/schedule.ts';
import { ConnectFault } from './postgres-fault.ts';

/**
 * Gives work up that waits for an answer for too long. Only time that this process ran is counted: an answer that came while
 * it stood still is read first.
 *
 * @param patienceMs - From each question, in milliseconds.
 * @param work - Gets a function to be called with each question but the first.
 * @throws ConnectFault where an answer is overdue. The connection may be in the middle of something, and must not be used
 *   again.
 */
export async function answeredWithin<T>(
  patienceMs: number,
  schedule: Pick<Schedule, 'every'>,
  work: (onQuestion: () => void) => Promise<T>,
): Promise<T> {
  let callOff = (): void => {};
  let giveUp = (_fault: ConnectFault): void => {};
  const overdue = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const wait = (): void => {
    callOff();
    callOff = afterRunning(schedule, patienceMs, () =>
      giveUp(new ConnectFault(`There was no answer for ${patienceMs} ms.`)),
    );
  };
  wait();
  try {
    return await Promise.race([work(wait), overdue]);
  } finally {
    callOff();
  }
}
