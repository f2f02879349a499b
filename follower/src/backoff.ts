import type { FollowerTiming, PollTiming, StreamTiming } from './timing.ts';

/**
 * The delay after a failure: anything from 0 to a bound that doubles, "full jitter", on top of what the
 * server asked for. Adding rather than taking the larger keeps clients apart that were all told the same.
 *
 * @param failures - Failures in a row before this one.
 * @param askedMs - What the server asked for: `Retry-After`, `retry:`.
 * @param random - A number from 0 up to, not including, 1.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelayMs(
  failures: number,
  askedMs: number,
  random: number,
  timing: StreamTiming,
): number {
  return askedDelayMs(askedMs, timing) + random * retryDelayMaxMs(failures, timing);
}

/** The bound of {@link retryDelayMs} without what a server asked for. */
export function retryDelayMaxMs(failures: number, timing: StreamTiming): number {
  return Math.min(timing.retryMaxMs, timing.retryBaseMs * 2 ** failures);
}

/** The delay after a server refused the key: long, because only a person can mend it. */
export function refusedDelayMs(random: number, timing: StreamTiming): number {
  return timing.refusedMinMs + random * (timing.refusedMaxMs - timing.refusedMinMs);
}

/** The delay before the first poll. */
export function firstPollDelayMs(isCold: boolean, random: number, timing: PollTiming): number {
  return isCold
    ? timing.coldPollAfterMinMs + random * (timing.coldPollAfterMaxMs - timing.coldPollAfterMinMs)
    : timing.pollAfterMinMs + random * (timing.pollAfterMaxMs - timing.pollAfterMinMs);
}

/**
 * The delay before another poll: an interval that doubles with every failure, more or less, and no less than
 * what the server asked for.
 */
export function pollDelayMs(
  failures: number,
  askedMs: number,
  random: number,
  timing: FollowerTiming,
): number {
  const intervalMs = Math.min(timing.pollRetryMaxMs, timing.pollIntervalMs * 2 ** failures);
  const spreadMs = random * timing.intervalSpread * intervalMs;
  return Math.max(spread(intervalMs, random, timing), askedDelayMs(askedMs, timing) + spreadMs);
}

/** The delay before another check of a copy that is live. */
export function checkDelayMs(random: number, timing: PollTiming): number {
  return spread(timing.checkIntervalMs, random, timing);
}

/** What a server asked for, within reason: no answer may silence an SDK for good. */
export function askedDelayMs(askedMs: number, timing: StreamTiming): number {
  return Number.isFinite(askedMs) ? Math.min(Math.max(askedMs, 0), timing.askedDelayMaxMs) : 0;
}

/**
 * How long a server is kept that is cut off from its database: while all are, looking for another one is load for nothing.
 *
 * @param left - How many servers were left for that since one had its database.
 */
export function elsewhereDelayMs(left: number, random: number, timing: PollTiming): number {
  const keptMs = Math.min(timing.elsewhereMaxMs, timing.elsewhereAfterMs * 3 ** left);
  return keptMs * (1 + timing.intervalSpread * random);
}

/** How long a stream may be silent, from the heartbeat interval that it announced. */
export function silenceMs(heartbeatMs: number, timing: StreamTiming): number {
  const silence = timing.silentHeartbeats * heartbeatMs;
  return Math.min(Math.max(silence, timing.silenceMinMs), timing.silenceMaxMs);
}

function spread(intervalMs: number, random: number, timing: PollTiming): number {
  return intervalMs * (1 + timing.intervalSpread * (2 * random - 1));
}
