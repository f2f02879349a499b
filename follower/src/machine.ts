import type { Versioned } from '@dimmer/schema';
import { refusedDelayMs } from './backoff.ts';
import type { Happening, Moment, StoredSnapshot, StreamEnd } from './event.ts';
import { onMessage } from './receive.ts';
import type { FollowerState } from './state.ts';
import { isCutOff, isOnline } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import type { Step, Turn } from './turn.ts';
import { connect, lose, noteRefusal, publish } from './turn.ts';

/**
 * What takes part in every step, after the stream has: polling.
 *
 * @param before - The state that the step was given.
 */
export type Beside<Item extends Versioned> = (
  turn: Turn<Item>,
  before: FollowerState<Item>,
  happening: Happening<Item>,
) => void;

/**
 * The client half of the stream protocol (SPEC.md, rules F*): one happening in, the next state and what is
 * to be done out. It does no I/O, reads no clock, draws no chance and never throws.
 *
 * @param state - What is known; never changed.
 * @param happening - What happened.
 * @param moment - When it happened, with a random number.
 * @param beside - What takes part; `pollBeside`, or nothing yet.
 * @example
 * const { state, effects } = step(initialState(), { type: 'start', stored: null }, { now: 0, random: 0.5 }, DEFAULT_TIMING);
 * // effects: [{ type: 'connect', attempt: 1 }]
 */
export function step<Item extends Versioned>(
  state: FollowerState<Item>,
  happening: Happening<Item>,
  moment: Moment,
  timing: FollowerTiming,
  beside?: Beside<Item>,
): Step<Item> {
  if (state.phase === 'closed' || isUnheard(state, happening)) return { state, effects: [] };
  const turn: Turn<Item> = { ...moment, timing, state: { ...state }, effects: [] };
  react(turn, happening);
  beside?.(turn, state, happening);
  return turn;
}

/** Whether nobody listens: an event that this build does not know, what an earlier stream says, a poll given up. */
function isUnheard<Item extends Versioned>(state: FollowerState<Item>, happening: Happening<Item>): boolean {
  switch (happening.type) {
    case 'message':
    case 'retry':
    case 'ended':
      return happening.attempt !== state.attempt || !isOnline(state);
    case 'polled':
      return happening.poll !== state.polling?.number || state.polling.asking === null;
    default:
      return false;
  }
}

function react<Item extends Versioned>(turn: Turn<Item>, happening: Happening<Item>): void {
  switch (happening.type) {
    case 'start':
      onStart(turn, happening.stored);
      break;
    case 'message':
      onMessage(turn, happening);
      break;
    case 'retry':
      turn.state.askedMs = happening.delayMs;
      break;
    case 'ended':
      onEnded(turn, happening.end);
      break;
    case 'tick':
      onTick(turn);
      break;
    case 'close':
      onClose(turn);
  }
}

function onStart<Item extends Versioned>(turn: Turn<Item>, stored: StoredSnapshot<Item> | null): void {
  const { state, now } = turn;
  if (state.phase !== 'idle') return;
  state.standing = 'DEFAULTS';
  if (stored !== null) {
    const { snapshot, source, ageMs, complete } = stored;
    state.standing = source === 'cache' ? 'CACHED' : 'BOOTSTRAP';
    state.snapshot = snapshot;
    state.source = source;
    state.epoch = snapshot.epoch;
    state.confirmedAt = now - ageMs;
    state.resync = !complete;
    publish(turn, source);
  }
  connect(turn);
}

function onEnded<Item extends Versioned>(turn: Turn<Item>, end: StreamEnd): void {
  const { state, now, random, timing } = turn;
  const { message, status, retryAfterMs, refused } = end;
  if (refused !== undefined) noteRefusal(turn, refused, message);
  lose(turn, { message, status }, retryAfterMs);
  if (status === 401 || status === 403) {
    state.refused = true;
    state.until = now + refusedDelayMs(random, timing);
  }
}

function onTick<Item extends Versioned>(turn: Turn<Item>): void {
  const { state, now, timing } = turn;
  if (now >= state.staleAt) {
    state.standing = 'STALE';
    state.staleAt = Infinity;
  }
  if (now < state.until) return;
  if (state.phase === 'waiting') connect(turn);
  else if (isCutOff(state)) lose(turn, { message: 'the server is cut off from its database' });
  else if (state.phase === 'connecting') {
    lose(turn, { message: `no hello within ${timing.connectTimeoutMs} ms` });
  } else lose(turn, { message: `nothing heard for ${state.silenceMs} ms` });
}

function onClose<Item extends Versioned>({ state, effects }: Turn<Item>): void {
  if (isOnline(state)) effects.push({ type: 'disconnect', attempt: state.attempt });
  state.phase = 'closed';
  state.standing = 'CLOSED';
  state.refused = false;
  state.until = Infinity;
  state.staleAt = Infinity;
}
