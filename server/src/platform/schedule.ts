/** Calls at a later time. Passed in, so that tests decide when that is. */
export interface Schedule {
  /** Runs once, after everything that is ready to run now, promises included. */
  soon(run: () => void): void;
  /** Runs once, after a delay in milliseconds. @returns A function that calls it off. */
  after(delayMs: number, run: () => void): () => void;
  /** Runs again and again, whether or not the run before has ended. @returns A function that ends it. */
  every(periodMs: number, run: () => void): () => void;
}

/** The timers of the process. None of them keeps it alive. */
export const systemSchedule: Schedule = {
  soon: (run) => {
    setImmediate(run);
  },
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
  every: (periodMs, run) => {
    const timer = setInterval(run, periodMs).unref();
    return () => clearInterval(timer);
  },
};
