import type { Schedule } from './schedule.ts';

/** Lets pieces of work through one by one, each in its own turn of the event loop. */
export interface Turns {
  /** Resolves when it is the caller's turn, in the order of asking. */
  next(): Promise<void>;
  /** How many wait. */
  readonly waiting: number;
}

/**
 * Between two turns everything else that is ready runs, so that what waits here delays the rest by one piece
 * of work at a time, however many wait.
 *
 * @example await turns.next(); decode(bytes);
 */
export function createTurns(schedule: Pick<Schedule, 'soon'>): Turns {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const turn = (): Promise<void> =>
    new Promise((resolve) =>
      schedule.soon(() => {
        waiting -= 1;
        resolve();
      }),
    );
  return {
    next: () => {
      waiting += 1;
      last = last.then(turn);
      return last;
    },
    get waiting() {
      return waiting;
    },
  };
}
