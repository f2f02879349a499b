import type { Clock } from '@dimmer/follower';

/**
 * Waits for work, for so long at most; it goes on all the same.
 *
 * @param limitMs - Milliseconds.
 */
export async function atMost(limitMs: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  let cancel: (() => void) | undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(limitMs, resolve);
  });
  await Promise.race([work, limit]);
  cancel?.();
}
