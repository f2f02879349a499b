import type {
  CommitMessage,
  Cursor,
  Decoded,
  DeleteMessage,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  UpdateProblemCode,
  Versioned,
} from '@dimmer/schema';
import type { Snapshot } from './snapshot.ts';
import type { SnapshotSource } from './state.ts';

/** A message of a stream that carries `Item`s. */
export type StreamMessage<Item extends Versioned> =
  | HelloMessage
  | { readonly type: 'put'; readonly object: Item }
  | DeleteMessage
  | CommitMessage
  | HeartbeatMessage
  | GoodbyeMessage;

/** How a stream ended, as its transport saw it. */
export interface StreamEnd {
  readonly message: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** What `Retry-After` asked for. */
  readonly retryAfterMs?: number;
  /** Why what came could not be used, where that was the end. */
  readonly refused?: UpdateProblemCode;
}

/** What came of one request for the snapshot. */
export type PollAnswer<Item extends Versioned> =
  /** Everything that the server holds, with a digest that was checked. */
  | { readonly outcome: 'snapshot'; readonly snapshot: Snapshot<Item>; readonly ageMs: number }
  /** What is here is what the server holds (304). */
  | { readonly outcome: 'unchanged'; readonly ageMs: number }
  /** `end.status` is 200 where the answer itself was of no use. */
  | { readonly outcome: 'failed'; readonly end: StreamEnd };

/** What happened. */
export type Happening<Item extends Versioned> =
  /** The stored snapshot was looked for; following begins. */
  | { readonly type: 'start'; readonly stored: StoredSnapshot<Item> | null }
  /** One event of the stream; `size` is the number of characters of its data. */
  | {
      readonly type: 'message';
      readonly attempt: number;
      readonly decoded: Decoded<StreamMessage<Item>>;
      readonly size: number;
    }
  /** A `retry:` field. */
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number }
  | { readonly type: 'ended'; readonly attempt: number; readonly end: StreamEnd }
  /** A request for the snapshot has its answer. `ageMs`: how long the answer lay in caches on its way. */
  | { readonly type: 'polled'; readonly poll: number; readonly answer: PollAnswer<Item> }
  /** The deadline has come, or may have. */
  | { readonly type: 'tick' }
  | { readonly type: 'close' };

/** When it happened, and the chance it brings along: the machine has neither clock nor dice. */
export interface Moment {
  /** Milliseconds on a clock that never goes back. */
  readonly now: number;
  /** From 0 up to, not including, 1. */
  readonly random: number;
}

/** A snapshot from an earlier run, or one that came with the program. */
export interface StoredSnapshot<Item extends Versioned> {
  readonly snapshot: Snapshot<Item>;
  readonly source: Exclude<SnapshotSource, 'stream' | 'poll'>;
  /** How long ago it was the server's. */
  readonly ageMs: number;
  /** Whether the server may continue from its cursor; otherwise the first stream brings everything. */
  readonly complete: boolean;
}

/** What the runner has to do. */
export type Effect<Item extends Versioned> =
  /** Open a stream; without a cursor, ask for everything. */
  | { readonly type: 'connect'; readonly attempt: number; readonly cursor: Cursor | undefined }
  /** Close the stream of this attempt. */
  | { readonly type: 'disconnect'; readonly attempt: number }
  /** Ask for the snapshot, unless it is the one at the cursor. */
  | { readonly type: 'poll'; readonly poll: number; readonly cursor: Cursor | undefined }
  /** Give this request up. */
  | { readonly type: 'abandon'; readonly poll: number }
  /** Serve this snapshot from now on. */
  | { readonly type: 'publish'; readonly publication: Publication<Item> };

/** A snapshot that takes the place of the one before. */
export interface Publication<Item extends Versioned> {
  readonly snapshot: Snapshot<Item>;
  readonly source: SnapshotSource;
  /** Whether an operator killed a flag with it. */
  readonly kill: boolean;
}
