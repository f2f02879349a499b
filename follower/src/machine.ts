import type { Versioned } from '@dimmer/schema';
import { refusedDelayMs } from './backoff.ts';
import type { Moment, StoredSnapshot, StreamEnd } from './event.ts';
import type { FollowerState } from './state.ts';
import { isOnline, PHASE } from './state.ts';
import type { StreamTiming } from './timing.ts';
import type { Turn } from './turn.ts';
import { connect, lose, noteRefusal } from './turn.ts';

/** Something that happened, as what the machine makes of it. */
export type Reaction<Item extends Versioned> = (turn: Turn<Item>) => void;

/**
 * What takes part in every step, after the stream has: {@link pollBeside}.
 *
 * @param before - The state that the step was given.
 */
export type Beside<Item extends Versioned> = (turn: Turn<Item>, before: FollowerState<Item>) => void;

/**
 * The client half of the stream protocol (SPEC.md, rules F*): the next state. What is to be done is what differs between
 * the two (`follow.ts`). It does no I/O, reads no clock, draws no chance and never throws.
 *
 * @param state - What is known; never changed.
 * @param react - What happened: {@link start}, {@link tick}, {@link close}, `onMessage` and others {@link ofAttempt}.
 * @param moment - When it happened, with a random number.
 * @param beside - What takes part.
 * @example
 * const state = step(initialState(), start(null), { now: 0, random: 0.5 }, STREAM_TIMING);
 * // isOnline(state): true
 */
export function step<Item extends Versioned>(
  state: FollowerState<Item>,
  react: Reaction<Item>,
  moment: Moment,
  timing: StreamTiming,
  beside?: Beside<Item>,
): FollowerState<Item> {
  if (state.phase === PHASE.closed) return state;
  const turn: Turn<Item> = { ...state, ...moment, timing };
  react(turn);
  beside?.(turn, state);
  return turn;
}

/** What a stream tells. What an earlier one still says is not heard. */
export function ofAttempt<Item extends Versioned>(attempt: number, react: Reaction<Item>): Reaction<Item> {
  return (turn) => {
    if (turn.attempt === attempt && isOnline(turn)) react(turn);
  };
}

/** The stored snapshot was looked for; following begins. */
export function start<Item extends Versioned>(
  stored: StoredSnapshot<Item> | null | undefined,
): Reaction<Item> {
  return (turn) => {
    if (turn.phase !== PHASE.idle) return;
    turn.standing = 'DEFAULTS';
    if (stored) {
      const { snapshot, source, ageMs, complete } = stored;
      turn.standing = source === 'cache' ? 'CACHED' : 'BOOTSTRAP';
      turn.snapshot = snapshot;
      turn.epoch = snapshot.epoch;
      turn.source = source;
      turn.confirmedAt = turn.now - ageMs;
      turn.resync = !complete;
    }
    connect(turn);
  };
}

export function onEnded(turn: Turn<Versioned>, end: StreamEnd): void {
  const { message, status, retryAfterMs, refused } = end;
  if (refused) noteRefusal(turn, refused, message);
  lose(turn, message, retryAfterMs, status);
  if (status === 401 || status === 403) {
    turn.refused = true;
    turn.until = turn.now + refusedDelayMs(turn.random, turn.timing);
  }
}

/** The deadline has come, or may have. */
export function tick(turn: Turn<Versioned>): void {
  if (turn.now >= turn.staleAt) {
    turn.standing = 'STALE';
    turn.staleAt = Infinity;
  }
  if (turn.now < turn.until) return;
  if (turn.phase === PHASE.waiting) connect(turn);
  else lose(turn, turn.phase === PHASE.connecting ? 'no hello in time' : 'the stream is silent');
}

export function close(turn: Turn<Versioned>): void {
  turn.phase = PHASE.closed;
  turn.standing = 'CLOSED';
  turn.refused = false;
  turn.until = turn.staleAt = Infinity;
}
