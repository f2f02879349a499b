import { SNAPSHOT_BYTES_MAX } from '@dimmer/schema';

/** How patient a follower is with its stream, and how much it takes. */
export interface StreamTiming {
  /** Time from the start of an attempt to its `hello`. */
  readonly connectTimeoutMs: number;
  /** Silence of this many heartbeat intervals, as announced by `hello`, ends a stream. */
  readonly silentHeartbeats: number;
  /** Least and most silence that ends a stream, whatever `hello` announces. */
  readonly silenceMinMs: number;
  readonly silenceMaxMs: number;
  /** Upper bound of the first random delay; it doubles with every failure up to `retryMaxMs`. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** A stream that was current for so long takes the delays back to `retryBaseMs`. */
  readonly healthyMs: number;
  /** A refused key is tried again after a random time between these. */
  readonly refusedMinMs: number;
  readonly refusedMaxMs: number;
  /** Least delay after a full transfer that was distrusted: whoever follows would fetch it again and again. */
  readonly refetchMinMs: number;
  /** Longest delay that a server may ask for. */
  readonly askedDelayMaxMs: number;
  /** Time without a stream until `INTERRUPTED` becomes `STALE`; of a server without its database until `LIVE` does. */
  readonly staleAfterMs: number;
  /** Characters of data between two commits; more ends the stream. */
  readonly stagedCharactersMax: number;
}

/** How patient a follower is with what is beside its stream. */
export interface PollTiming {
  /**
   * A server that was without its database for `staleAfterMs` is left for another one after this time, so that an outage
   * of a minute moves nobody. The time is three times as long with every such server in a row, up to `elsewhereMaxMs`.
   */
  readonly elsewhereAfterMs: number;
  readonly elsewhereMaxMs: number;
  /**
   * The first poll is made after a random time between these, from the last that a stream has said. The longest
   * silence that a stream may keep is part of it, so that a dead link is polled around within a minute.
   */
  readonly pollAfterMinMs: number;
  readonly pollAfterMaxMs: number;
  /** The same from the first failure on, as long as there is nothing to serve. */
  readonly coldPollAfterMinMs: number;
  readonly coldPollAfterMaxMs: number;
  /** Time between two polls; it doubles with every failure up to `pollRetryMaxMs`. */
  readonly pollIntervalMs: number;
  readonly pollRetryMaxMs: number;
  /** A poll without an answer is given up then. */
  readonly pollTimeoutMs: number;
  /** Time between two checks of a copy that is live. */
  readonly checkIntervalMs: number;
  /** How much longer or shorter than these intervals the time between may be, as a share. */
  readonly intervalSpread: number;
  /** What a check has seen, the stream has to bring within this time. */
  readonly checkGraceMs: number;
}

/** All of it. */
export type FollowerTiming = StreamTiming & PollTiming;

/** The figures that Dimmer promises (SPEC.md, F8 and on). */
export const STREAM_TIMING: StreamTiming = {
  connectTimeoutMs: 10_000,
  silentHeartbeats: 3,
  silenceMinMs: 1_000,
  silenceMaxMs: 120_000,
  retryBaseMs: 1_000,
  retryMaxMs: 30_000,
  healthyMs: 60_000,
  refusedMinMs: 300_000,
  refusedMaxMs: 600_000,
  refetchMinMs: 60_000,
  askedDelayMaxMs: 600_000,
  staleAfterMs: 45_000,
  stagedCharactersMax: 2 * SNAPSHOT_BYTES_MAX,
};

/** The same for polls, checks, and a server that is cut off. */
export const POLL_TIMING: PollTiming = {
  elsewhereAfterMs: 30_000,
  elsewhereMaxMs: 300_000,
  pollAfterMinMs: 45_000,
  pollAfterMaxMs: 57_000,
  coldPollAfterMinMs: 1_000,
  coldPollAfterMaxMs: 4_000,
  pollIntervalMs: 30_000,
  pollRetryMaxMs: 300_000,
  pollTimeoutMs: 10_000,
  checkIntervalMs: 300_000,
  intervalSpread: 0.2,
  checkGraceMs: 5_000,
};

/** All figures in one. */
export const DEFAULT_TIMING: FollowerTiming = { ...STREAM_TIMING, ...POLL_TIMING };
