import type { Versioned } from '@dimmer/schema';
import { refusedDelayMs } from './backoff.ts';
import type { Happening, Moment, StoredSnapshot, StreamEnd } from './event.ts';
import { andPollWhenDue, onPolled, pollNotBefore, pollSoon, withPolls } from './polling.ts';
import { onMessage, onRetry } from './receive.ts';
import type { FollowerState } from './state.ts';
import { deadlineOf, isLive } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import type { Step } from './transitions.ts';
import { connect, disconnectOf, isOnline, lose, offline, unchanged, withRefusal } from './transitions.ts';

/**
 * The client half of the stream protocol (SPEC.md, rules F*): one happening in, the next state and what is
 * to be done out. It does no I/O, reads no clock, draws no chance and never throws.
 *
 * @param state - What is known; never changed.
 * @param happening - What happened.
 * @param moment - When it happened, with a random number.
 * @example
 * const { state, effects } = step(initialState(), { type: 'start', stored: null }, { now: 0, random: 0.5 }, DEFAULT_TIMING);
 * // effects: [{ type: 'connect', attempt: 1 }]
 */
export function step<Item extends Versioned>(
  state: FollowerState<Item>,
  happening: Happening<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  if (state.link.phase === 'closed') return unchanged(state);
  const reacted = withPolls(state, react(state, happening, moment, timing), moment, timing);
  return happening.type === 'tick' ? andPollWhenDue(reacted, moment, timing) : reacted;
}

function react<Item extends Versioned>(
  state: FollowerState<Item>,
  happening: Happening<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  switch (happening.type) {
    case 'start':
      return onStart(state, happening.stored, moment, timing);
    case 'message':
      return onMessage(state, happening, moment, timing);
    case 'retry':
      return onRetry(state, happening);
    case 'ended':
      return happening.attempt === state.attempt && isOnline(state)
        ? onEnded(state, happening.end, moment, timing)
        : unchanged(state);
    case 'polled':
      return onPolled(state, happening, moment, timing);
    case 'tick':
      return onTick(state, moment, timing);
    case 'close':
      return onClose(state);
  }
}

function onStart<Item extends Versioned>(
  state: FollowerState<Item>,
  stored: StoredSnapshot<Item> | null,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  if (state.link.phase !== 'idle') return unchanged(state);
  if (stored === null) return connect(state, moment, timing);
  const { snapshot, source, ageMs, complete } = stored;
  const known: FollowerState<Item> = {
    ...state,
    snapshot,
    source,
    confirmedAt: moment.now - ageMs,
    resync: !complete,
  };
  const { state: next, effects } = connect(known, moment, timing);
  return {
    state: next,
    effects: [{ type: 'publish', publication: { snapshot, source, kill: false } }, ...effects],
  };
}

function onEnded<Item extends Versioned>(
  state: FollowerState<Item>,
  { message, status, retryAfterMs = 0, refused: code }: StreamEnd,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const problem = status === undefined ? { message } : { message, status };
  if (status === 401 || status === 403) {
    const until = moment.now + refusedDelayMs(moment.random, timing);
    const refused = pollNotBefore({ ...state, problem, refused: true }, until);
    return offline({ ...refused, link: { phase: 'waiting', until } }, state, moment.now);
  }
  const noted = code === undefined ? state : withRefusal(state, { code, message });
  const told = status === 204 ? pollSoon(noted, moment, timing) : noted;
  return lose(told, { problem, askedMs: retryAfterMs }, moment, timing);
}

function onTick<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const deadline = deadlineOf(state, timing);
  if (deadline === undefined || moment.now < deadline) return unchanged(state);
  const { lostAt } = state;
  const stale = state.stale || (lostAt !== null && moment.now >= lostAt + timing.staleAfterMs);
  const aged = stale === state.stale ? state : { ...state, stale };
  const { link } = aged;
  if (link.phase === 'idle' || link.phase === 'closed' || moment.now < link.until) return unchanged(aged);
  if (link.phase === 'waiting') return connect(aged, moment, timing);
  const message =
    link.phase === 'connecting'
      ? `no hello within ${timing.connectTimeoutMs} ms`
      : aged.stale && isLive(aged)
        ? 'the server is cut off from its database'
        : `nothing heard for ${link.silenceMs} ms`;
  return lose(aged, { problem: { message } }, moment, timing);
}

function onClose<Item extends Versioned>(state: FollowerState<Item>): Step<Item> {
  const closed: FollowerState<Item> = { ...state, link: { phase: 'closed' } };
  return { state: closed, effects: disconnectOf(state) };
}
