import type { Cursor, Versioned } from '@dimmer/schema';
import type { Effect, Happening, StoredSnapshot } from './event.ts';
import type { Beside } from './machine.ts';
import { step } from './machine.ts';
import type { FollowerPorts, StreamSink } from './ports.ts';
import type { FollowerState } from './state.ts';
import { deadlineOf, initialState, modeOf, statusOf } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import { DEFAULT_TIMING } from './timing.ts';

/** Polls, as a follower takes them on. */
export interface Polls<Item extends Versioned> {
  readonly beside: Beside<Item>;
  /** Does what polling wants done. */
  readonly run: (effect: Effect<Item>, happened: (happening: Happening<Item>) => void) => void;
}

/** A running follower. */
export interface Follower<Item extends Versioned> {
  /** Serves what is stored, if anything, and begins to follow. Once. */
  readonly start: (stored: StoredSnapshot<Item> | null) => void;
  /** Polls from now on: beside a stream that is broken, and to check one that is not. Once, at any time. */
  readonly poll: (polls: Polls<Item>) => void;
  readonly state: () => FollowerState<Item>;
  /** Ends the stream and all timers, for good. */
  readonly close: () => void;
}

/**
 * Follows one environment and keeps a copy of it: runs the machine's effects through ports.
 *
 * @param ports - Clock, chance, transport, and who listens.
 * @param timing - How patient it is.
 * @example
 * const follower = follow({ clock, random: Math.random, transport, decode: decodeMessage, published, changed });
 * follower.poll(pollsOf(snapshot));
 * follower.start(null);
 */
export function follow<Item extends Versioned>(
  ports: FollowerPorts<Item>,
  timing: FollowerTiming = DEFAULT_TIMING,
): Follower<Item> {
  const { clock, transport, decode } = ports;
  let state = initialState<Item>();
  let polls: Polls<Item> | undefined;
  let closeStream: (() => void) | undefined;
  let cancel: (() => void) | undefined;
  const waiting: Happening<Item>[] = [];
  let busy = false;

  /** Effects may make things happen: these wait until the step under way has had all of its effects. */
  function dispatch(happening: Happening<Item>): void {
    waiting.push(happening);
    if (busy) return;
    busy = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) take(next);
    } finally {
      busy = false;
    }
  }

  function take(happening: Happening<Item>): void {
    const before = state;
    const moment = { now: clock.now(), random: ports.random() };
    const { state: after, effects } = step(before, happening, moment, timing, polls?.beside);
    state = after;
    for (const effect of effects) {
      run(effect);
      polls?.run(effect, dispatch);
    }
    const deadline = deadlineOf(after);
    if (deadline !== deadlineOf(before) || happening.type === 'tick') {
      cancel?.();
      cancel =
        deadline === undefined
          ? undefined
          : clock.after(Math.max(0, deadline - moment.now), () => dispatch({ type: 'tick' }));
    }
    if (isNews(before, after)) ports.changed(after);
  }

  function run(effect: Effect<Item>): void {
    if (effect.type === 'connect') closeStream = open(effect.attempt, effect.cursor);
    if (effect.type === 'disconnect') closeStream?.();
    if (effect.type === 'publish') ports.published(effect.publication);
  }

  function open(attempt: number, cursor: Cursor | undefined): () => void {
    const sink: StreamSink = {
      event: (name, data) =>
        dispatch({ type: 'message', attempt, decoded: decode(name, data), size: data.length }),
      retry: (delayMs) => dispatch({ type: 'retry', attempt, delayMs }),
      ended: (end) => dispatch({ type: 'ended', attempt, end }),
    };
    return transport.open(cursor, sink);
  }

  return {
    start: (stored) => dispatch({ type: 'start', stored }),
    poll(added) {
      polls = added;
      dispatch({ type: 'tick' });
    },
    state: () => state,
    close: () => dispatch({ type: 'close' }),
  };
}

/** Staged objects and moved deadlines are nobody's news. */
function isNews(before: FollowerState<Versioned>, after: FollowerState<Versioned>): boolean {
  return (
    before.phase !== after.phase ||
    before.snapshot !== after.snapshot ||
    before.confirmedAt !== after.confirmedAt ||
    before.problem !== after.problem ||
    before.refusal !== after.refusal ||
    statusOf(before) !== statusOf(after) ||
    modeOf(before) !== modeOf(after)
  );
}
