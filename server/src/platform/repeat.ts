import type { Schedule } from './schedule.ts';

/** Work that repeats until it is stopped. */
export interface Repetition {
  /** Ends it. Resolves when a run that is under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs a task again and again, `intervalMs` after the end of the run before, so that runs never overlap.
 *
 * @param task.onFailure - Told when a run fails; the next one comes all the same.
 * @example
 * repeat(schedule, 3_600_000, { run: () => storage.prune(policy), onFailure: (err) => log.warn({ err }) });
 */
export function repeat(
  schedule: Schedule,
  intervalMs: number,
  task: { readonly run: () => Promise<void>; readonly onFailure: (cause: unknown) => void },
): Repetition {
  let cancel = (): void => {};
  let running = Promise.resolve();
  let stopped = false;
  const next = (): void => {
    if (stopped) return;
    cancel = schedule.after(intervalMs, () => {
      running = task.run().catch(task.onFailure).then(next);
    });
  };
  next();
  return {
    stop: () => {
      stopped = true;
      cancel();
      return running;
    },
  };
}
