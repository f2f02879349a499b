import type { WireObject } from './definition.ts';

/** The version of the stream protocol that `hello` announces. */
export const PROTOCOL_VERSION = 1;

/** A position in an environment's history. Revisions compare only inside one epoch. */
export interface Cursor {
  readonly epoch: string;
  readonly revision: number;
}

/** First message of a stream: where the server is and how it brings the reader there. */
export interface HelloMessage {
  readonly type: 'hello';
  readonly protocol: number;
  readonly epoch: string;
  readonly revision: number;
  /** `none`: the reader is current; `delta`: the missing objects follow; `full`: everything follows. */
  readonly mode: 'none' | 'delta' | 'full';
  readonly heartbeatMs: number;
  /** As heartbeats tell it; absent from servers before 0.2. */
  readonly databaseAgeMs?: number;
}

/** An object to stage. Nothing is applied before the commit. */
export interface PutMessage<Item = WireObject> {
  readonly type: 'put';
  readonly object: Item;
}

/** A removal to stage. */
export interface DeleteMessage {
  readonly type: 'delete';
  readonly kind: string;
  readonly key: string;
  readonly version: number;
}

/** The staged objects become the new snapshot, in one swap. */
export interface CommitMessage {
  readonly type: 'commit';
  readonly revision: number;
  readonly digest: number;
  /** When the server committed it, ISO 8601, server clock. */
  readonly committedAt: string;
  /** Present when the commit contains a kill. */
  readonly kill?: true;
}

/** Liveness, bookmark, divergence check and staleness in one. */
export interface HeartbeatMessage {
  readonly type: 'heartbeat';
  readonly revision: number;
  readonly digest: number;
  /** How long ago the server last heard from its database. */
  readonly databaseAgeMs: number;
}

export const GOODBYE_REASONS = ['draining', 'rebalancing', 'overloaded', 'revoked'] as const;
export type GoodbyeReason = (typeof GOODBYE_REASONS)[number];

/** Move elsewhere: it is not a failure. */
export interface GoodbyeMessage {
  readonly type: 'goodbye';
  /** One of {@link GOODBYE_REASONS}, or a word of a later server. */
  readonly reason: string;
  readonly reconnectInMs: number;
}

/** Anything that a stream says. `Item` is what it carries: definitions, or values (`value.ts`). */
export type Message<Item = WireObject> =
  | HelloMessage
  | PutMessage<Item>
  | DeleteMessage
  | CommitMessage
  | HeartbeatMessage
  | GoodbyeMessage;

/** The body of `GET /sdk/v1/snapshot`: the same objects as a full stream, in one document. */
export interface SnapshotDocument<Item = WireObject> {
  readonly protocol: number;
  readonly epoch: string;
  readonly revision: number;
  readonly digest: number;
  readonly committedAt: string;
  readonly objects: readonly Item[];
}
