import type { Clock } from '../platform/clock.ts';

/** How many callers are told apart. Of more, the one that was heard of least recently starts afresh. */
const CALLERS_MAX = 100_000;

/** How often one caller may ask. */
export interface RateLimit {
  /** How many requests come back in a second. */
  readonly perSecond: number;
  /** How many may come at once. */
  readonly burst: number;
}

/** A token bucket for each caller. */
export interface RateLimiter {
  /** @returns 0: go on. Else the seconds until the caller may ask again, at least 1. */
  take(caller: string): number;
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/**
 * Lets each caller through at its own pace, whatever the others do.
 *
 * @param callersMax - Bound of what is remembered: about 100 bytes each.
 * @example createRateLimiter({ perSecond: 50, burst: 100 }, clock).take('203.0.113.7') // 0
 */
export function createRateLimiter(
  { perSecond, burst }: RateLimit,
  clock: Clock,
  callersMax: number = CALLERS_MAX,
): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    take: (caller) => {
      const now = clock.now();
      const last = buckets.get(caller) ?? { tokens: burst, at: now };
      // A clock that was set back gives nothing, and takes nothing.
      const gained = (Math.max(0, now - last.at) / 1000) * perSecond;
      const tokens = Math.min(burst, last.tokens + gained);
      const isOver = tokens < 1;
      // Taken out and put in again, a map is in the order in which its entries were heard of.
      buckets.delete(caller);
      buckets.set(caller, { tokens: isOver ? tokens : tokens - 1, at: now });
      if (buckets.size > callersMax) forgetFirst(buckets);
      return isOver ? Math.ceil((1 - tokens) / perSecond) : 0;
    },
  };
}

function forgetFirst(map: Map<string, unknown>): void {
  const { value, done } = map.keys().next();
  if (!done) map.delete(value);
}
