import type { Schedule } from './schedule.ts';

/** Lets pieces of work through one by one, each in its own turn of the event loop. */
export interface Turns {
  /** Resolves when it is the caller's turn, in the order of asking. */
  next(): Promise<void>;
}

/**
 * Between two turns everything else that is ready runs, so that what waits here delays the rest by one piece
 * of work at a time, however many wait.
 *
 * @example await turns.next(); decode(bytes);
 */
export function createTurns(schedule: Pick<Schedule, 'soon'>): Turns {
  let last: Promise<void> = Promise.resolve();
  return {
    next: () => {
      last = last.then(() => new Promise((resolve) => schedule.soon(resolve)));
      return last;
    },
  };
}
