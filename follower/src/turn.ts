import type { UpdateProblemCode, Versioned } from '@dimmer/schema';
import { retryDelayMs } from './backoff.ts';
import type { Moment } from './event.ts';
import type { FollowerState, SnapshotSource } from './state.ts';
import { isLive, PHASE } from './state.ts';
import type { StreamTiming } from './timing.ts';

/** A step in the making: the next state, still open to change, and the moment at which it is made. */
export type Turn<Item extends Versioned> = Draft<FollowerState<Item>> &
  Moment & { readonly timing: StreamTiming };

/** The same, open to change. */
export type Draft<State> = { -readonly [Field in keyof State]: State[Field] };

export function connect(turn: Turn<Versioned>): void {
  turn.phase = PHASE.connecting;
  turn.until = turn.now + turn.timing.connectTimeoutMs;
  turn.askedMs = 0;
  turn.attempt += 1;
}

/** The stream is over. What it has staged is forgotten; whoever calls says until when there is none. */
export function leave(turn: Turn<Versioned>): void {
  if (liveMs(turn) >= turn.timing.healthyMs) turn.failures = 0;
  if (turn.standing === 'LIVE') {
    turn.standing = 'INTERRUPTED';
    turn.staleAt = turn.now + turn.timing.staleAfterMs;
  }
  // A hello was the proof that the key is good again.
  if (turn.phase !== PHASE.connecting) turn.refused = false;
  turn.phase = PHASE.waiting;
  turn.staged = null;
}

/** The stream has failed. @param askedMs - What the server asked for. @param status - Of HTTP, where there was an answer. */
export function lose(turn: Turn<Versioned>, message: string, askedMs = 0, status?: number): void {
  leave(turn);
  turn.problem = { message, status };
  turn.until =
    turn.now + retryDelayMs(turn.failures, Math.max(askedMs, turn.askedMs), turn.random, turn.timing);
  turn.failures += 1;
}

/** The stream contradicts the protocol or the copy: the next one starts from nothing. */
export function distrust(turn: Turn<Versioned>, message: string): void {
  const askedMs = turn.resync ? turn.timing.refetchMinMs : 0;
  turn.resync = true;
  turn.resyncs += 1;
  lose(turn, message, askedMs);
}

/** Distrust that an update is the reason of. */
export function refuse(
  turn: Turn<Versioned>,
  message: string,
  code: UpdateProblemCode,
  revision?: number,
): void {
  noteRefusal(turn, code, message, revision);
  distrust(turn, message);
}

/** The copy and the server part at a revision. @param where - What tells: `commit`, `heartbeat`. */
export function refuseDigest(turn: Turn<Versioned>, where: string, revision: number): void {
  refuse(turn, `${where} ${revision}: the digest differs`, 'DIGEST_MISMATCH', revision);
}

/** Notes what was refused, for whoever reports it. */
export function noteRefusal(
  turn: Turn<Versioned>,
  code: UpdateProblemCode,
  message: string,
  revision: number | null = null,
): void {
  turn.refusal = { code, message, epoch: turn.epoch, revision };
}

/** The copy is the server's. @param source - Who says so. */
export function confirm(turn: Turn<Versioned>, source: SnapshotSource, confirmedAt: number): void {
  turn.source = source;
  turn.confirmedAt = confirmedAt;
  turn.resync = false;
  turn.refused = false;
}

/** The stream stands where the server does. @param databaseAgeMs - How long ago its database was heard from. */
export function goLive(turn: Turn<Versioned>, databaseAgeMs = 0): void {
  confirm(turn, 'stream', turn.now - Math.max(databaseAgeMs, 0));
  turn.databaseAgeMs = databaseAgeMs;
  if (!isLive(turn)) turn.liveSince = turn.now;
  turn.phase = PHASE.live;
  turn.standing = 'LIVE';
  turn.until = turn.now + turn.silenceMs;
  turn.staleAt = Infinity;
  turn.problem = null;
}

/** For how long the stream has been live. */
export function liveMs(turn: Turn<Versioned>): number {
  return isLive(turn) && turn.liveSince !== null ? turn.now - turn.liveSince : 0;
}
