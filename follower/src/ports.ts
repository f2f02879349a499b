import type { Cursor, Decoded, Versioned } from '@dimmer/schema';
import type { PollAnswer, Publication, StreamEnd, StreamMessage } from './event.ts';
import type { FollowerState } from './state.ts';

/** What an open stream tells. After `ended` it tells nothing more. */
export interface StreamSink {
  /** One SSE event with its data. */
  readonly event: (name: string, data: string) => void;
  /** A `retry:` field, milliseconds. */
  readonly retry: (delayMs: number) => void;
  readonly ended: (end: StreamEnd) => void;
}

/** Opens streams. It neither retries nor throws: every outcome arrives at the sink. */
export interface StreamTransport {
  /**
   * @param cursor - Where the reader is; `undefined` asks for everything.
   * @returns Closes the stream. The sink hears nothing of it.
   */
  readonly open: (cursor: Cursor | undefined, sink: StreamSink) => () => void;
}

/** Asks for snapshots. It neither retries nor throws: every outcome is an answer. */
export interface SnapshotTransport<Item extends Versioned> {
  /**
   * @param cursor - What is here; the server says so when it has nothing else. `undefined` asks for everything.
   * @param answered - Called once, and not before `ask` has returned.
   * @returns Gives the request up. Nothing is answered any more.
   */
  readonly ask: (cursor: Cursor | undefined, answered: (answer: PollAnswer<Item>) => void) => () => void;
}

/** Time, on a clock that never goes back. */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  readonly now: () => number;
  /** Calls once, after so many milliseconds. Returns what takes the call back. */
  readonly after: (delayMs: number, call: () => void) => () => void;
}

/** The world as a follower needs it. */
export interface FollowerPorts<Item extends Versioned> {
  readonly clock: Clock;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  readonly transport: StreamTransport;
  readonly decode: (event: string, data: string) => Decoded<StreamMessage<Item>>;
  /** A snapshot takes the place of the one before. */
  readonly published: (publication: Publication<Item>) => void;
  /** Something is known that was not, or no longer so. Called after `published`. */
  readonly changed: (state: FollowerState<Item>) => void;
}
