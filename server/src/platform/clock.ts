/** Time, as the server sees it. Passed in, so that tests move it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, unless it says otherwise. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that never goes back, for how long things take. Milliseconds since the start of the process. */
export const steadyClock: Clock = { now: () => performance.now() };
