import type { JsonValue, WireObject } from '@dimmer/schema';
import type { Actor, ApiKey } from '../access/api-key.ts';
import type { Result } from '../changes/result.ts';
import type { Environment, EnvironmentRef, Project, ProjectState } from '../environments/environment.ts';
import type { Configuration, EnvironmentFlag, Flag, Kill } from '../flags/flag.ts';
import type { EnvironmentSegment, Segment } from '../segments/segment.ts';
import type { ExposureStore } from './exposure-store.ts';
import type { InstanceStore } from './instance-store.ts';
import type { Lease, LeaseStore } from './lease-store.ts';

/** A flag as the history keeps it: both halves and the kill, so that a revert can bring it back exactly. */
export interface FlagDocument {
  readonly flag: Flag;
  readonly configuration: Configuration;
  readonly kill: Kill | null;
}

/** One object that a commit changed. `null` stands for absence. */
export type ChangedObject =
  | {
      readonly kind: 'flag';
      readonly key: string;
      readonly before: FlagDocument | null;
      readonly after: FlagDocument | null;
      /** What SDKs receive; `null` is a tombstone. */
      readonly definition: WireObject | null;
    }
  | {
      readonly kind: 'segment';
      readonly key: string;
      readonly before: Segment | null;
      readonly after: Segment | null;
      readonly definition: WireObject | null;
    };

/** One revision of one environment, as the change log keeps it. */
export interface Change {
  readonly revision: number;
  /** ISO 8601. */
  readonly at: string;
  readonly actor: Actor;
  /** What was asked: `configuration.patch`, `flag.kill`, `revert`. */
  readonly action: string;
  readonly reason: string | null;
  /** Whether a flag was killed by it. */
  readonly kill: boolean;
  readonly objects: readonly ChangedObject[];
}

/** One environment's share of a draft: it takes the environment to `revision`, which is the current one + 1. */
export interface EnvironmentCommit {
  readonly environment: string;
  readonly revision: number;
  readonly kill: boolean;
  readonly objects: readonly ChangedObject[];
  /** Rows to write: the new place of every object that is still configured, by key; `null` removes it. */
  readonly flags: ReadonlyMap<string, EnvironmentFlag | null>;
  readonly segments: ReadonlyMap<string, EnvironmentSegment | null>;
}

/** Everything that one transaction writes. Decided in full before the first row is touched. */
export interface Draft {
  readonly action: string;
  readonly reason: string | null;
  /** What was acted on, for the audit log: `flag/checkout-v2`, `key/3f9a…`. */
  readonly subject: string;
  /** Small facts for the audit log; never a secret. */
  readonly details: JsonValue;
  /** A new or edited project; with a scope, the scope's own. Without one, the rest of the draft belongs to it. */
  readonly project?: Project;
  /** New or renamed environments of the scope's project; a new one starts at revision 0. */
  readonly environments?: readonly Environment[];
  /** New or edited flags of the scope's project. */
  readonly flags?: readonly Flag[];
  /** One per environment whose definitions change, in the order of environment keys. */
  readonly commits?: readonly EnvironmentCommit[];
  /** New keys, and replacements of keys with the same id. No two keys have one hash. */
  readonly keys?: readonly ApiKey[];
  /** Ids of keys to delete. */
  readonly revokedKeys?: readonly string[];
}

/** What an HTTP answer needs; stored with an Idempotency-Key, so it must hold no secret. */
export interface Reply {
  readonly status: number;
  readonly etag: string | null;
  readonly body: JsonValue;
}

/** What a planner sees: exactly the state that its draft will be applied to. */
export interface World {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly projects: ReadonlyMap<string, Project>;
  /** The scope's project; `undefined` where it does not exist or the scope is the whole server. */
  readonly project: ProjectState | undefined;
  readonly keys: ReadonlyMap<string, ApiKey>;
}

/** A decision: what to write (nothing, when `draft` is null) and what to answer. */
export interface Plan {
  readonly draft: Draft | null;
  readonly reply: Reply;
}

export interface TransactRequest {
  /** The project that is locked and loaded; `null` for writes of projects and server-wide keys. */
  readonly project: string | null;
  readonly actor: Actor;
  /**
   * Repeats with the same key and fingerprint get the stored reply for 24 hours, and nothing is written again.
   * Keys of different actors do not meet. A rejected request keeps no reply, so it may be repeated.
   */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string };
  /**
   * The lease under which the work is done: the transaction is rejected, and no planner runs, once another server has
   * held it since. No other server can take it before the transaction has ended.
   */
  readonly lease?: Lease;
  /** Pure and synchronous: it runs between the lock and the first write, and may be run again. */
  readonly plan: (world: World) => Result<Plan>;
}

export interface TransactOutcome {
  readonly reply: Reply;
  /** Whether the reply comes from an earlier request with the same Idempotency-Key. */
  readonly replayed: boolean;
}

/** Everything that a stream or snapshot needs to start from. */
export interface StoredSnapshot {
  readonly epoch: string;
  readonly revision: number;
  /** Cursors below it get a full snapshot, because tombstones older than this are gone. */
  readonly historyFloor: number;
  /** ISO 8601, of the revision; of the environment's creation at revision 0. */
  readonly committedAt: string;
  readonly objects: readonly WireObject[];
  readonly tombstones: readonly { readonly kind: string; readonly key: string; readonly version: number }[];
}

/** Where an environment is. */
export interface EnvironmentStanding extends EnvironmentRef {
  readonly epoch: string;
  readonly revision: number;
  readonly secureMode: boolean;
}

/** Says "this environment has reached this revision", never what changed. Losing one is harmless. */
export type CommitListener = (environment: EnvironmentRef, revision: number) => void;

/** Commits of an environment that were there once, and that the database lacks. */
export interface LostCommits extends EnvironmentRef {
  readonly epoch: string;
  /** The last revision of it that this server saw. */
  readonly seen: number;
  /** Where the environment is now. Not below `seen` where others have taken the place of those that were lost. */
  readonly found: number;
}

/** Hears of them about once a second, until the environment has another epoch. */
export type LossListener = (lost: LostCommits) => void;

/** Newest first, unless `after` is given; with `after` and `before`, what lies between them, oldest first. */
export interface HistoryQuery {
  /** Only changes that touch this flag. */
  readonly flag?: string;
  /** Only revisions above this one, oldest first. */
  readonly after?: number;
  /** Only revisions below this one, newest first. */
  readonly before?: number;
  readonly limit: number;
}

export interface AuditEntry {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly actor: Actor;
  readonly action: string;
  readonly subject: string;
  readonly project: string | null;
  readonly reason: string | null;
  readonly details: JsonValue;
  /** Revisions that it made, by environment key. */
  readonly revisions: { readonly [environment: string]: number };
}

/** What history keeps: whichever of the two is more. */
export interface HistoryPolicy {
  readonly revisions: number;
  readonly days: number;
}

/**
 * Where Dimmer keeps its data. Every adapter passes the same contract suite (test/contract), and the
 * in-memory one is its reference.
 *
 * Promises (SPEC.md, rules S*): a transaction is applied whole or not at all, and has reached the disk when
 * it resolves; an environment's revision grows by exactly one per commit and has no gaps; a commit, its
 * change row, its object rows and its audit row are one transaction; states that were handed out never
 * change.
 *
 * Faults of the world (disk full, file locked, corruption) are thrown as {@link StorageFault}.
 */
export interface Storage {
  /** What SDKs have counted. */
  readonly exposures: ExposureStore;
  /** Who of several servers does what has to be done once. */
  readonly leases: LeaseStore;
  /** What servers tell each other of the SDKs that run. Left out: one process has the database for itself. */
  readonly instances?: InstanceStore;
  /** Runs a planner against the current state and writes its draft. */
  transact(request: TransactRequest): Promise<Result<TransactOutcome>>;
  projects(): Promise<readonly Project[]>;
  /** The project as it is now. */
  read(project: string): Promise<ProjectState | undefined>;
  /** Where every environment of every project is, in the order of their creation. */
  environments(): Promise<readonly EnvironmentStanding[]>;
  /** Objects and tombstones come in no particular order. */
  snapshot(environment: EnvironmentRef): Promise<StoredSnapshot | undefined>;
  /** Changes above `revision`, in order, at most `limit`. */
  changesAfter(environment: EnvironmentRef, revision: number, limit: number): Promise<readonly Change[]>;
  history(environment: EnvironmentRef, query: HistoryQuery): Promise<readonly Change[]>;
  /** The last revision at or before a time (ms); `undefined` where history does not reach that far. */
  revisionAt(environment: EnvironmentRef, time: number): Promise<number | undefined>;
  /**
   * What was different then: for every object changed after `revision`, what it was at `revision`
   * (`null`: absent), by kind and key. `undefined` where history does not reach that far, or for a revision of
   * the future.
   */
  differencesAt(environment: EnvironmentRef, revision: number): Promise<readonly ObjectAt[] | undefined>;
  keys(): Promise<readonly ApiKey[]>;
  /** Newest first; `before` is the id where the page before ended. */
  audit(query: { readonly before?: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** Deletes history beyond the policy, tombstones below the new floor, and old idempotency records. */
  prune(policy: HistoryPolicy): Promise<void>;
  /** @returns A function that ends the subscription. */
  onCommit(listener: CommitListener): () => void;
  /**
   * Left out: one process has the database for itself, and nothing can be lost behind its back.
   *
   * @returns A function that ends the subscription.
   */
  onLoss?(listener: LossListener): () => void;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** The time that all servers of the database share, in milliseconds since the Unix epoch. */
  now(): Promise<number>;
  /** How its connections are used, for metrics. Left out where it has none. */
  connections?(): ConnectionUse;
  /** Afterwards every call ends in a fault; closing again does nothing. */
  close(): Promise<void>;
}

/** How the connections to a database are used. */
export interface ConnectionUse {
  /** Connections that a call has now. */
  readonly busy: number;
  /** Connections that are open and free. */
  readonly idle: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** An object as it was at a revision. */
export type ObjectAt =
  | { readonly kind: 'flag'; readonly key: string; readonly document: FlagDocument | null }
  | { readonly kind: 'segment'; readonly key: string; readonly document: Segment | null };

/** The world failed, not the caller. */
export class StorageFault extends Error {
  override readonly name = 'StorageFault';
  /** `full`: no space left, reads go on. `unavailable`: try again. `damaged`: restore from a backup. */
  readonly fault: 'full' | 'unavailable' | 'damaged';
  /** What callers are told of it, where that is more than what is said of every such fault. The message is for the log. */
  readonly told: string | undefined;

  constructor(
    fault: 'full' | 'unavailable' | 'damaged',
    message: string,
    options?: { readonly cause?: unknown; readonly told?: string | undefined },
  ) {
    super(message, options);
    this.fault = fault;
    this.told = options?.told;
  }
}
