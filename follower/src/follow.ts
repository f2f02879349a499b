import type { Cursor, Versioned } from '@dimmer/schema';
import type { Effect, Happening, StoredSnapshot } from './event.ts';
import { step } from './machine.ts';
import type { Clock, FollowerPorts, StreamSink } from './ports.ts';
import type { FollowerState } from './state.ts';
import { deadlineOf, initialState } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import { DEFAULT_TIMING } from './timing.ts';

/** A running follower. */
export interface Follower<Item extends Versioned> {
  /** Serves what is stored, if anything, and begins to follow. Once. */
  readonly start: (stored: StoredSnapshot<Item> | null) => void;
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
 * const follower = follow({
 *   clock, random: Math.random, transport, snapshot, decode: decodeMessage, published, changed,
 * });
 * follower.start(null);
 */
export function follow<Item extends Versioned>(
  ports: FollowerPorts<Item>,
  timing: FollowerTiming = DEFAULT_TIMING,
): Follower<Item> {
  let state = initialState<Item>();
  let closeStream: (() => void) | undefined;
  let abandonPoll: (() => void) | undefined;
  const alarm = alarmOf(ports.clock, () => dispatch({ type: 'tick' }));
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
    const moment = { now: ports.clock.now(), random: ports.random() };
    const { state: after, effects } = step(state, happening, moment, timing);
    state = after;
    for (const effect of effects) run(effect);
    alarm.set(deadlineOf(state, timing));
    if (isNews(before, state)) ports.changed(state);
  }

  function run(effect: Effect<Item>): void {
    switch (effect.type) {
      case 'connect':
        closeStream = open(effect.attempt, effect.cursor);
        return;
      case 'disconnect':
        closeStream?.();
        closeStream = undefined;
        return;
      case 'poll':
        abandonPoll = ports.snapshot.ask(effect.cursor, (answer) =>
          dispatch({ type: 'polled', poll: effect.poll, answer }),
        );
        return;
      case 'abandon':
        abandonPoll?.();
        abandonPoll = undefined;
        return;
      case 'publish':
        ports.published(effect.publication);
    }
  }

  function open(attempt: number, cursor: Cursor | undefined): () => void {
    const sink: StreamSink = {
      event: (name, data) =>
        dispatch({ type: 'message', attempt, decoded: ports.decode(name, data), size: data.length }),
      retry: (delayMs) => dispatch({ type: 'retry', attempt, delayMs }),
      ended: (end) => dispatch({ type: 'ended', attempt, end }),
    };
    return ports.transport.open(cursor, sink);
  }

  return {
    start: (stored) => dispatch({ type: 'start', stored }),
    state: () => state,
    close: () => dispatch({ type: 'close' }),
  };
}

/** Staged objects and moved deadlines are nobody's news. */
function isNews(before: FollowerState<Versioned>, after: FollowerState<Versioned>): boolean {
  return (
    before.snapshot !== after.snapshot ||
    before.link.phase !== after.link.phase ||
    before.confirmedAt !== after.confirmedAt ||
    before.stale !== after.stale ||
    before.source !== after.source ||
    before.refused !== after.refused ||
    before.polling.works !== after.polling.works ||
    before.problem !== after.problem ||
    before.refusal !== after.refusal
  );
}

/** One timer. A deadline that moves away leaves it as it is: it rings early, and is set again then. */
function alarmOf(clock: Clock, ring: () => void): { readonly set: (deadline: number | undefined) => void } {
  let due: number | undefined;
  let cancel: (() => void) | undefined;
  return {
    set(deadline) {
      if (due !== undefined && deadline !== undefined && due <= deadline) return;
      cancel?.();
      due = deadline;
      cancel =
        deadline === undefined
          ? undefined
          : clock.after(Math.max(0, deadline - clock.now()), () => {
              due = undefined;
              cancel = undefined;
              ring();
            });
    },
  };
}
