import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits so many milliseconds, or until the signal aborts; it resolves in both cases. Unlike a {@link Schedule} it
 * keeps the process alive. Passed in, so that tests do not wait.
 */
export type Pause = (delayMs: number, signal?: AbortSignal) => Promise<void>;

export const systemPause: Pause = (delayMs, signal) =>
  delay(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
