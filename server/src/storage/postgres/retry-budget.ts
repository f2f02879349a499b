/** How often one transaction is run at most. */
const ATTEMPTS_MAX = 3;

/** Retries that may be saved up: the first conflicts after a quiet time are retried too. */
const SAVED_MAX = 10;

/** What each transaction adds to the budget: retries are at most a tenth of what is asked for. */
const SHARE = 0.1;

/** Runs transactions again that another was preferred to, a bounded number of times. */
export interface Retrying {
  /** @throws The last error, where it is not worth another attempt or none is left. */
  run<T>(attempt: () => Promise<T>): Promise<T>;
}

/** @param isRepeatable - Whether a transaction that ended with an error was rolled back and may fare better now. */
export function createRetrying(isRepeatable: (error: unknown) => boolean): Retrying {
  let saved = SAVED_MAX;
  return {
    run: async (attempt) => {
      saved = Math.min(SAVED_MAX, saved + SHARE);
      for (let attempts = 1; ; attempts += 1) {
        try {
          return await attempt();
        } catch (error) {
          if (attempts >= ATTEMPTS_MAX || saved < 1 || !isRepeatable(error)) throw error;
          saved -= 1;
        }
      }
    },
  };
}
