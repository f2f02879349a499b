import type {
  CommitMessage,
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

/** A snapshot that takes the place of the one before. */
export interface Publication<Item extends Versioned> {
  readonly snapshot: Snapshot<Item>;
  readonly source: SnapshotSource | null;
  /** Whether an operator killed a flag with it. */
  readonly kill: boolean;
}
