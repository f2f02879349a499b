import type { Log } from './log.ts';
import type { Schedule } from './schedule.ts';

/** Work that repeats until it is stopped. */
export interface Repetition {
  /** Ends it. Resolves when a run that is under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs a task again and again, `intervalMs` after the end of the run before, so that runs never overlap.
 *
 * @param task.onFailure - Told when a run fails, and whether the run before went well; the next one comes all the same.
 * @example
 * repeat(schedule, 3_600_000, { run: () => storage.prune(policy), onFailure: (err) => log.warn({ err }) });
 */
export function repeat(
  schedule: Schedule,
  intervalMs: number,
  task: {
    readonly run: () => Promise<void>;
    readonly onFailure: (cause: unknown, isFirst: boolean) => void;
  },
): Repetition {
  let cancel = (): void => {};
  let running = Promise.resolve();
  let stopped = false;
  let isFailing = false;
  const once = async (): Promise<void> => {
    try {
      await task.run();
      isFailing = false;
    } catch (cause) {
      task.onFailure(cause, !isFailing);
      isFailing = true;
    }
  };
  const next = (): void => {
    if (stopped) return;
    cancel = schedule.after(intervalMs, () => {
      running = once().then(next);
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

/** For work that is due every second: an outage is told when it begins, not a thousand times. */
export function warnOfFirst(log: Log, message: string): (err: unknown, isFirst: boolean) => void {
  return (err, isFirst) => {
    if (isFirst) log.warn({ err }, message);
  };
}
