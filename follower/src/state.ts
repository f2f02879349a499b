import type { Cursor, UpdateProblemCode, Versioned } from '@dimmer/schema';
import type { Snapshot } from './snapshot.ts';
import type { Staged } from './staging.ts';

/**
 * Where a follower stands (SPEC.md, F1).
 *
 * Only `LIVE` claims freshness. All others say where the values come from that are still served.
 */
export const STATUSES = [
  /** Nothing was looked at yet. */
  'INIT',
  /** The last good snapshot of an earlier run. */
  'CACHED',
  /** A snapshot that came with the program. */
  'BOOTSTRAP',
  /** No snapshot at all: callers get their fallbacks. */
  'DEFAULTS',
  /** In step with the server. */
  'LIVE',
  /** The stream was lost a moment ago. */
  'INTERRUPTED',
  /** The stream was lost, and is still lost; or its server is cut off from the database. */
  'STALE',
  /** The server does not accept the key. */
  'REFUSED',
  'CLOSED',
] as const;
export type FollowerStatus = (typeof STATUSES)[number];

/** Where the snapshot comes from. */
export type SnapshotSource = 'cache' | 'bootstrap' | 'stream' | 'poll';

/** How news of the server arrive at present. */
export type FollowerMode = 'stream' | 'poll' | 'none';

/** Why a stream ended, or never began. */
export interface StreamProblem {
  readonly message: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
}

/** An update that was not served. */
export interface RefusedUpdate {
  readonly code: UpdateProblemCode;
  readonly message: string;
  readonly epoch: string | null;
  /** `null` where it did not come to that. */
  readonly revision: number | null;
}

/**
 * What the machine is doing about its stream: nothing any more, nothing yet, waiting for the next attempt, waiting for
 * `hello`, receiving the first objects, following. At most one attempt is under way at any time. Numbers, because they
 * are in order and short in a bundle.
 */
export const PHASE = { closed: 0, idle: 1, waiting: 2, connecting: 3, open: 4, live: 5 } as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];

/** A request for the snapshot that has no answer yet. */
export interface Asking {
  readonly since: number;
  /** Whether it named what is here, so that `304` is an answer. */
  readonly conditional: boolean;
}

/** What a check has seen, and the stream has to bring until then. */
export interface Owed {
  readonly epoch: string;
  readonly revision: number;
  readonly until: number;
}

/** What the machine is doing beside its stream: polls while there is none, slow checks while there is one. */
export interface Polling {
  /** Number of the current or last request, from 1. */
  readonly number: number;
  /** `null` between two requests: at most one is under way at any time. */
  readonly asking: Asking | null;
  /** When the next request is made, or the one under way is given up. */
  readonly until: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Whether the last poll brought or confirmed the copy, and no stream took over since. */
  readonly works: boolean;
  readonly owed: Owed | null;
}

/** The search for a server that has its database. */
export interface Search {
  /** When the first was seen to be without it. */
  readonly since: number;
  /** How many were left because they were. */
  readonly left: number;
  /** When the one of this moment is left, if it is one of them. */
  readonly leaveAt: number;
}

/** Everything that a follower knows. A value: `step` makes a new one. Times are on the runner's clock. */
export interface FollowerState<Item extends Versioned> {
  readonly phase: Phase;
  /** When the phase ends, if nothing happens before. `Infinity`: never. */
  readonly until: number;
  /** Where it stands, unless its key is refused. */
  readonly standing: FollowerStatus;
  /** When `INTERRUPTED` becomes `STALE`. */
  readonly staleAt: number;
  readonly refused: boolean;

  readonly snapshot: Snapshot<Item> | null;
  readonly source: SnapshotSource | null;
  /** Whether an operator killed a flag with the snapshot. */
  readonly kill: boolean;
  /** When the snapshot was last known to be the newest that the database held. */
  readonly confirmedAt: number | null;
  /** Whether the next attempt asks for everything, without a cursor. */
  readonly resync: boolean;
  /** How often the copy or a stream was distrusted, and everything asked for anew. */
  readonly resyncs: number;

  /** Number of the current or last attempt, from 1. */
  readonly attempt: number;
  /** Failures in a row. */
  readonly failures: number;
  /** What `retry:` asked for. */
  readonly askedMs: number;
  /** What the stream said last of how long ago its server heard from the database. */
  readonly databaseAgeMs: number;
  /** Absent where no server was cut off from its database yet. */
  readonly search?: Search;
  /** Since when the snapshot is, or was, that of the stream. */
  readonly liveSince: number | null;
  /** The epoch that the last `hello` named. */
  readonly epoch: string | null;
  /** Whether the next commit replaces everything. */
  readonly isFull: boolean;
  readonly staged: Staged<Item> | null;
  /** So much silence ends the stream. */
  readonly silenceMs: number;

  /** The last failure; a goodbye is none. `null` once live again. */
  readonly problem: StreamProblem | null;
  /** The last update that was refused, for as long as it takes. */
  readonly refusal: RefusedUpdate | null;
  /** `null` where nothing is polled. */
  readonly polling: Polling | null;
  /** When polling wants a `tick`. */
  readonly pollAt: number;
}

export function initialState<Item extends Versioned>(): FollowerState<Item> {
  return {
    phase: PHASE.idle,
    until: Infinity,
    standing: 'INIT',
    staleAt: Infinity,
    refused: false,
    snapshot: null,
    source: null,
    kill: false,
    confirmedAt: null,
    resync: false,
    resyncs: 0,
    attempt: 0,
    failures: 0,
    askedMs: 0,
    databaseAgeMs: 0,
    liveSince: null,
    epoch: null,
    isFull: false,
    staged: null,
    silenceMs: 0,
    problem: null,
    refusal: null,
    polling: null,
    pollAt: Infinity,
  };
}

/** The state in one word. */
export function statusOf({ refused, standing }: FollowerState<Versioned>): FollowerStatus {
  return refused ? 'REFUSED' : standing;
}

/** What keeps the copy current at this moment. */
export function modeOf(state: FollowerState<Versioned>): FollowerMode {
  if (isLive(state)) return 'stream';
  return state.polling?.works ? 'poll' : 'none';
}

/** Whether the copy is the server's, by its stream. */
export function isLive({ phase }: FollowerState<Versioned>): boolean {
  return phase === PHASE.live;
}

/** Whether there is a stream, or an attempt at one. */
export function isOnline({ phase }: FollowerState<Versioned>): boolean {
  return phase >= PHASE.connecting;
}

/** Where a copy stands that a server may continue from. */
export function cursorOf({ snapshot, resync }: FollowerState<Versioned>): Cursor | undefined {
  return snapshot === null || resync ? undefined : { epoch: snapshot.epoch, revision: snapshot.revision };
}

/** When the machine next wants a `tick`, if nothing happens before. `Infinity`: never. */
export function deadlineOf({ until, staleAt, pollAt }: FollowerState<Versioned>): number {
  return Math.min(until, staleAt, pollAt);
}

/** The snapshot, where it is of the epoch of the stream. */
export function hereOf<Item extends Versioned>({
  snapshot,
  epoch,
}: FollowerState<Item>): Snapshot<Item> | null {
  return snapshot?.epoch === epoch ? snapshot : null;
}
