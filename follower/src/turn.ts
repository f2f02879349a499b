import type { UpdateProblemCode, Versioned } from '@dimmer/schema';
import { elsewhereDelayMs, retryDelayMs } from './backoff.ts';
import type { Effect, Moment } from './event.ts';
import type { FollowerState, SnapshotSource, StreamProblem } from './state.ts';
import { cursorOf, isCutOff, isLive } from './state.ts';
import type { FollowerTiming } from './timing.ts';

/** What follows from one happening. */
export interface Step<Item extends Versioned> {
  readonly state: FollowerState<Item>;
  readonly effects: readonly Effect<Item>[];
}

/** A step in the making: the next state, still open to change, and what is to be done. */
export interface Turn<Item extends Versioned> extends Moment {
  readonly state: { -readonly [Field in keyof FollowerState<Item>]: FollowerState<Item>[Field] };
  readonly effects: Effect<Item>[];
  readonly timing: FollowerTiming;
}

export function connect<Item extends Versioned>({ state, effects, now, timing }: Turn<Item>): void {
  state.phase = 'connecting';
  state.until = now + timing.connectTimeoutMs;
  state.askedMs = 0;
  state.attempt += 1;
  effects.push({ type: 'connect', attempt: state.attempt, cursor: cursorOf(state) });
}

/** The stream is over. Whoever calls says until when there is none. */
export function leave<Item extends Versioned>({ state, effects, now, timing }: Turn<Item>): void {
  if (now - liveSinceOf(state, now) >= timing.healthyMs) state.failures = 0;
  if (state.standing === 'LIVE') {
    state.standing = 'INTERRUPTED';
    state.staleAt = now + timing.staleAfterMs;
  }
  // A hello was the proof that the key is good again.
  if (state.phase !== 'connecting') state.refused = false;
  state.phase = 'waiting';
  effects.push({ type: 'disconnect', attempt: state.attempt });
}

/** The stream has failed. @param askedMs - What the server asked for. */
export function lose<Item extends Versioned>(turn: Turn<Item>, problem: StreamProblem, askedMs = 0): void {
  const { state, now, random, timing } = turn;
  leave(turn);
  state.problem = problem;
  state.until = now + retryDelayMs(state.failures, Math.max(askedMs, state.askedMs), random, timing);
  state.failures += 1;
}

/** The stream contradicts the protocol or the copy: the next one starts from nothing. */
export function distrust<Item extends Versioned>(turn: Turn<Item>, message: string): void {
  const { state, timing } = turn;
  const askedMs = state.resync ? timing.refetchMinMs : 0;
  state.resync = true;
  state.resyncs += 1;
  lose(turn, { message }, askedMs);
}

/** Distrust that an update is the reason of. */
export function refuse<Item extends Versioned>(
  turn: Turn<Item>,
  code: UpdateProblemCode,
  message: string,
  revision?: number,
): void {
  noteRefusal(turn, code, message, revision);
  distrust(turn, message);
}

/** The copy and the server part at a revision. @param where - What tells: `commit`, `heartbeat`. */
export function refuseDigest<Item extends Versioned>(
  turn: Turn<Item>,
  where: string,
  revision: number,
): void {
  refuse(turn, 'DIGEST_MISMATCH', `${where} ${revision}: the digest differs`, revision);
}

/** Notes what was refused, for whoever reports it. */
export function noteRefusal<Item extends Versioned>(
  { state }: Turn<Item>,
  code: UpdateProblemCode,
  message: string,
  revision: number | null = null,
): void {
  state.refusal = { code, message, epoch: state.epoch, revision };
}

/** The copy is the server's. One that is cut off from its database cannot say more than that (F59). */
export function current<Item extends Versioned>(
  { state, now, random, timing }: Turn<Item>,
  databaseAgeMs = 0,
): void {
  const isOld = databaseAgeMs >= timing.staleAfterMs;
  if (!isOld) state.until = now + state.silenceMs;
  else if (!isCutOff(state)) state.until = now + elsewhereDelayMs(random, timing);
  state.liveSince = liveSinceOf(state, now);
  state.phase = 'live';
  state.standing = isOld ? 'STALE' : 'LIVE';
  state.staleAt = Infinity;
  state.confirmedAt = now - Math.max(databaseAgeMs, 0);
  state.source = 'stream';
  state.resync = false;
  state.refused = false;
  state.problem = null;
}

/** Hands the snapshot out. */
export function publish<Item extends Versioned>(
  { state, effects }: Turn<Item>,
  source: SnapshotSource,
  kill = false,
): void {
  const { snapshot } = state;
  if (snapshot !== null) effects.push({ type: 'publish', publication: { snapshot, source, kill } });
}

/** Since when the stream is live; now, where it is not. */
export function liveSinceOf(state: FollowerState<Versioned>, now: number): number {
  return isLive(state) ? (state.liveSince ?? now) : now;
}
