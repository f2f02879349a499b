import type { Versioned } from '@dimmer/schema';
import type { StoredSnapshot, StreamMessage } from './event.ts';
import type { Beside, Reaction } from './machine.ts';
import { close, ofAttempt, onEnded, start, step, tick } from './machine.ts';
import type { FollowerPorts, StreamSink } from './ports.ts';
import { onMessage } from './receive.ts';
import type { FollowerState } from './state.ts';
import { cursorOf, deadlineOf, initialState, isOnline, PHASE } from './state.ts';
import type { StreamTiming } from './timing.ts';
import { STREAM_TIMING } from './timing.ts';
import type { Turn } from './turn.ts';

/** Polls, and what else may begin later than the stream, as a follower takes them on. */
export interface Polls<Item extends Versioned> {
  readonly beside: Beside<Item>;
  /** Takes messages of the stream. @returns Whether all is done about it. */
  readonly onMessage: (turn: Turn<Item>, message: StreamMessage<Item>) => boolean;
  /** Does what polling wants done: what differs between a state and the next. */
  readonly run: (
    before: FollowerState<Item>,
    after: FollowerState<Item>,
    happened: (react: Reaction<Item>) => void,
  ) => void;
}

/** A running follower. */
export interface Follower<Item extends Versioned> {
  /** Serves what is stored, if anything, and begins to follow. Once. */
  readonly start: (stored: StoredSnapshot<Item> | null | undefined) => void;
  /** Polls from now on: beside a stream that is broken, and to check one that is not. Once, at any time. */
  readonly poll: (polls: Polls<Item>) => void;
  readonly state: () => FollowerState<Item>;
  /** Ends the stream and all timers, for good. */
  readonly close: () => void;
}

/**
 * Follows one environment and keeps a copy of it: does through ports what differs between a state and the next.
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
  timing: StreamTiming = STREAM_TIMING,
): Follower<Item> {
  const { clock, transport, decode, published, changed } = ports;
  let state = initialState<Item>();
  let polls: Polls<Item> | undefined;
  let closeStream: (() => void) | undefined;
  let cancel: (() => void) | undefined;
  const waiting: Reaction<Item>[] = [];

  /** What is done may make things happen: these wait until all of the step under way is done. */
  function dispatch(react: Reaction<Item>): void {
    if (waiting.push(react) > 1) return;
    try {
      for (const next of waiting) take(next);
    } finally {
      waiting.length = 0;
    }
  }

  function take(react: Reaction<Item>): void {
    const before = state;
    const moment = { now: clock.now(), random: ports.random() };
    const after = step(before, react, moment, timing, polls?.beside);
    state = after;
    if (after.snapshot && after.snapshot !== before.snapshot) {
      published({ snapshot: after.snapshot, source: after.source, kill: after.kill });
    }
    if (isOnline(before) && !isOnline(after)) closeStream?.();
    if (after.attempt !== before.attempt) closeStream = transport.open(cursorOf(after), sinkOf(after));
    polls?.run(before, after, dispatch);
    const deadline = deadlineOf(after);
    cancel?.();
    cancel =
      deadline < Infinity ? clock.after(Math.max(0, deadline - moment.now), () => dispatch(tick)) : undefined;
    // Staged objects are nobody's news.
    if (!after.staged || after.staged === before.staged) changed(after);
  }

  function sinkOf({ attempt }: FollowerState<Item>): StreamSink {
    const tell = (react: Reaction<Item>): void => dispatch(ofAttempt(attempt, react));
    return {
      event: (name, data) =>
        tell((turn) => onMessage(turn, decode(name, data), data.length, polls?.onMessage)),
      retry: (delayMs) =>
        tell((turn) => {
          turn.askedMs = delayMs;
        }),
      ended: (end) => tell((turn) => onEnded(turn, end)),
    };
  }

  return {
    start: (stored) => dispatch(start(stored)),
    poll(added) {
      polls = added;
      if (state.phase !== PHASE.idle) dispatch(tick);
    },
    state: () => state,
    close: () => dispatch(close),
  };
}
