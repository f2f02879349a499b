import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';

/** How many streams a server takes. */
export interface StreamLimits {
  /** Open at one time (`DIMMER_STREAMS_MAX`). */
  readonly streamsMax: number;
  /** Open at one time with one key (`DIMMER_STREAMS_PER_KEY_MAX`). */
  readonly streamsPerKeyMax: number;
  /** Opened in a second (`DIMMER_STREAMS_PER_SECOND_MAX`). */
  readonly streamsPerSecondMax: number;
}

/** The same, and what of it the streams of clients may take at most. */
export interface DeliveryLimits extends StreamLimits {
  /** Percent of `streamsMax` and of `streamsPerSecondMax` (`DIMMER_CLIENT_STREAMS_SHARE`). */
  readonly clientStreamsShare: number;
}

/**
 * Why a stream is not opened: a limit of the whole server, of its key, of the second; the share that clients have of
 * the first or of the last; the server is leaving; or it cannot follow the database.
 */
export type RefusalCause = 'node' | 'key' | 'rate' | 'clients' | 'client-rate' | 'draining' | 'stuck';

/**
 * The time over which readers that were refused a stream come back, in seconds. A rush is over soon; room is made only
 * when others leave.
 */
const RUSH_SPREAD_SECONDS = 10;
const REFUSED_SPREAD_SECONDS = 30;

/** When a reader that was refused a stream should ask again: each at another time. */
export function retryAfterSeconds(cause: RefusalCause, random: Random): number {
  const isRush = cause === 'rate' || cause === 'client-rate';
  const spreadSeconds = isRush ? RUSH_SPREAD_SECONDS : REFUSED_SPREAD_SECONDS;
  return 1 + Math.floor(fractionOf(random) * spreadSeconds);
}

/**
 * Counts streams, and says no to those beyond a limit before they cost anything. It never looks at those that
 * are open.
 */
export interface Admission {
  /** @returns Why the stream may not be opened; `undefined`: it may, and counts until `release`. */
  admit(keyId: string): RefusalCause | undefined;
  /** Gives back what `admit` took. Exactly once for each. */
  release(keyId: string): void;
  /** Admits none any more. */
  close(): void;
}

/**
 * A full second's share may come at once, as after a start; from then on it comes back evenly.
 *
 * @example const admission = createAdmission({ streamsMax: 15_000, streamsPerKeyMax: 10_000, streamsPerSecondMax: 1_000 }, clock);
 */
export function createAdmission(limits: StreamLimits, clock: Clock): Admission {
  const byKey = new Map<string, number>();
  let total = 0;
  let closed = false;
  let share = limits.streamsPerSecondMax;
  let countedAt = clock.now();

  const refill = (): void => {
    const now = clock.now();
    // A clock that was set back gives nothing, and takes nothing.
    const gained = (Math.max(0, now - countedAt) / 1000) * limits.streamsPerSecondMax;
    share = Math.min(limits.streamsPerSecondMax, share + gained);
    countedAt = now;
  };

  const refusal = (keyId: string): RefusalCause | undefined => {
    if (closed) return 'draining';
    if (total >= limits.streamsMax) return 'node';
    if ((byKey.get(keyId) ?? 0) >= limits.streamsPerKeyMax) return 'key';
    return share < 1 ? 'rate' : undefined;
  };

  return {
    admit: (keyId) => {
      refill();
      const cause = refusal(keyId);
      if (cause !== undefined) return cause;
      share -= 1;
      total += 1;
      byKey.set(keyId, (byKey.get(keyId) ?? 0) + 1);
      return undefined;
    },
    release: (keyId) => {
      total -= 1;
      const left = (byKey.get(keyId) ?? 0) - 1;
      if (left > 0) byKey.set(keyId, left);
      else byKey.delete(keyId);
    },
    close: () => {
      closed = true;
    },
  };
}

/**
 * Admits to a share of what another admits to, so that browsers, which anybody can open, never crowd out programs.
 * The share is asked first: what it refuses costs the whole nothing.
 *
 * @param limits - Of the whole. A share is at least one stream.
 * @example const clients = createSharedAdmission(whole, { ...limits, clientStreamsShare: 80 }, clock);
 */
export function createSharedAdmission(whole: Admission, limits: DeliveryLimits, clock: Clock): Admission {
  const shareOf = (limit: number): number =>
    Math.max(1, Math.floor((limit * limits.clientStreamsShare) / 100));
  const share = createAdmission(
    {
      ...limits,
      streamsMax: shareOf(limits.streamsMax),
      streamsPerSecondMax: shareOf(limits.streamsPerSecondMax),
    },
    clock,
  );
  return {
    admit: (keyId) => {
      const ofShare = share.admit(keyId);
      if (ofShare !== undefined) return CAUSES_OF_SHARE[ofShare] ?? ofShare;
      const ofWhole = whole.admit(keyId);
      if (ofWhole !== undefined) share.release(keyId);
      return ofWhole;
    },
    release: (keyId) => {
      share.release(keyId);
      whole.release(keyId);
    },
    close: () => {
      share.close();
      whole.close();
    },
  };
}

/** What a limit is called where it is that of the share. */
const CAUSES_OF_SHARE: { readonly [Cause in RefusalCause]?: RefusalCause } = {
  node: 'clients',
  rate: 'client-rate',
};
