import type {
  CommitMessage,
  Cursor,
  Decoded,
  DeleteMessage,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
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
}

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
  readonly source: Exclude<SnapshotSource, 'stream'>;
  /** How long ago it was the server's. */
  readonly ageMs: number;
  /** Whether the server may continue from its cursor; otherwise the first stream brings everything. */
  readonly complete: boolean;
}

/** What the runner has to do. */
export type Effect<Item extends Versioned> =
  /** Open a stream; without a cursor, ask for everything. */
  | { readonly type: 'connect'; readonly attempt: number; readonly cursor?: Cursor }
  /** Close the stream of this attempt. */
  | { readonly type: 'disconnect'; readonly attempt: number }
  /** Serve this snapshot from now on. */
  | { readonly type: 'publish'; readonly publication: Publication<Item> };

/** A snapshot that takes the place of the one before. */
export interface Publication<Item extends Versioned> {
  readonly snapshot: Snapshot<Item>;
  readonly source: SnapshotSource;
  /** Whether an operator killed a flag with it. */
  readonly kill: boolean;
}
