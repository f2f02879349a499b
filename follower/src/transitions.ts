import type { Cursor, Versioned } from '@dimmer/schema';
import { retryDelayMs } from './backoff.ts';
import type { Effect, Moment } from './event.ts';
import type { Snapshot } from './snapshot.ts';
import type { Connecting, FollowerState, Open, RefusedUpdate, StreamProblem } from './state.ts';
import { isLive } from './state.ts';
import type { FollowerTiming } from './timing.ts';

/** What follows from one happening. */
export interface Step<Item extends Versioned> {
  readonly state: FollowerState<Item>;
  readonly effects: readonly Effect<Item>[];
}

/** Why a stream is given up, and what the next one has to do about it. */
export interface Loss {
  readonly problem: StreamProblem;
  readonly askedMs?: number;
  /** Whether the copy cannot be trusted to be extended. */
  readonly resync?: boolean;
}

/** What is known of an update that was refused. */
type Refused = Pick<RefusedUpdate, 'code' | 'message'> & {
  readonly revision?: number | null;
};

export function connect<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const attempt = state.attempt + 1;
  const cursor = state.resync ? undefined : cursorOf(state.snapshot);
  const link: Connecting = {
    phase: 'connecting',
    until: moment.now + timing.connectTimeoutMs,
    askedMs: 0,
  };
  return {
    state: { ...state, attempt, link },
    effects: [{ type: 'connect', attempt, ...(cursor !== undefined && { cursor }) }],
  };
}

/** The stream contradicts the protocol or the copy: the next one starts from nothing. */
export function distrust<Item extends Versioned>(
  state: FollowerState<Item>,
  message: string,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const askedMs = state.resync ? timing.refetchMinMs : 0;
  const counted = { ...state, resyncs: state.resyncs + 1 };
  return lose(counted, { problem: { message }, resync: true, askedMs }, moment, timing);
}

/** Distrust that an update is the reason of. */
export function refuse<Item extends Versioned>(
  state: FollowerState<Item>,
  refused: Refused,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  return distrust(withRefusal(state, refused), refused.message, moment, timing);
}

/**
 * The copy and the server part at a revision.
 *
 * @param where - What tells: `commit`, `heartbeat`.
 */
export function otherDigest(where: string, revision: number): Refused {
  return { code: 'DIGEST_MISMATCH', message: `${where} ${revision}: the digest differs`, revision };
}

/** Notes what was refused, for whoever reports it. */
export function withRefusal<Item extends Versioned>(
  state: FollowerState<Item>,
  { code, message, revision = null }: Refused,
): FollowerState<Item> {
  const { link, snapshot } = state;
  const epoch = link.phase === 'open' ? link.epoch : (snapshot?.epoch ?? null);
  return { ...state, refusal: { code, message, epoch, revision } };
}

export function lose<Item extends Versioned>(
  state: FollowerState<Item>,
  { problem, askedMs = 0, resync = state.resync }: Loss,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { link } = state;
  const healthy =
    link.phase === 'open' && link.liveSince !== null && moment.now - link.liveSince >= timing.healthyMs;
  const failures = healthy ? 0 : state.failures;
  const asked = Math.max(askedMs, isOnline(state) ? state.link.askedMs : 0);
  const until = moment.now + retryDelayMs(failures, asked, moment.random, timing);
  const next: FollowerState<Item> = {
    ...state,
    failures: failures + 1,
    problem,
    resync,
    // A hello was the proof that the key is good again.
    refused: state.refused && link.phase !== 'open',
    link: { phase: 'waiting', until },
  };
  return offline(next, state, moment.now);
}

/** Closes the stream of `before`, and notes since when there is none. */
export function offline<Item extends Versioned>(
  next: FollowerState<Item>,
  before: FollowerState<Item>,
  now: number,
): Step<Item> {
  return { state: isLive(before) ? { ...next, lostAt: now } : next, effects: disconnectOf(before) };
}

/** The copy is the server's. */
export function current<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  now: number,
  confirmedAt: number,
): FollowerState<Item> {
  return {
    ...state,
    link: { ...link, liveSince: link.liveSince ?? now },
    confirmedAt,
    source: 'stream',
    resync: false,
    refused: false,
    lostAt: null,
    stale: false,
    problem: null,
  };
}

export function isOnline<Item extends Versioned>(
  state: FollowerState<Item>,
): state is FollowerState<Item> & { readonly link: Connecting | Open<Item> } {
  return state.link.phase === 'connecting' || state.link.phase === 'open';
}

export function disconnectOf<Item extends Versioned>(state: FollowerState<Item>): readonly Effect<Item>[] {
  return isOnline(state) ? [{ type: 'disconnect', attempt: state.attempt }] : [];
}

export function unchanged<Item extends Versioned>(state: FollowerState<Item>): Step<Item> {
  return { state, effects: [] };
}

/** Where a snapshot stands. */
export function cursorOf(snapshot: Snapshot<Versioned> | null): Cursor | undefined {
  return snapshot === null ? undefined : { epoch: snapshot.epoch, revision: snapshot.revision };
}
