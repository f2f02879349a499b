import type { UpdateProblemCode, Versioned } from '@dimmer/schema';
import type { Snapshot } from './snapshot.ts';
import type { Staging } from './staging.ts';
import type { FollowerTiming } from './timing.ts';

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
  readonly status?: number;
}

/** An update that was not served. */
export interface RefusedUpdate {
  readonly code: UpdateProblemCode;
  readonly message: string;
  readonly epoch: string | null;
  /** `null` where it did not come to that. */
  readonly revision: number | null;
}

/** Between two attempts. */
export interface Waiting {
  readonly phase: 'waiting';
  readonly until: number;
}

/** From the start of an attempt to its `hello`. */
export interface Connecting {
  readonly phase: 'connecting';
  readonly until: number;
  /** What `retry:` asked for. */
  readonly askedMs: number;
}

/** After `hello`. */
export interface Open<Item extends Versioned> {
  readonly phase: 'open';
  readonly epoch: string;
  /** Since when the snapshot is the server's; `null` while the first objects are still on their way. */
  readonly liveSince: number | null;
  /** Whether the next commit replaces everything. */
  readonly full: boolean;
  readonly staging: Staging<Item>;
  readonly silenceMs: number;
  /** Silence until then ends the stream. */
  readonly until: number;
  readonly askedMs: number;
}

/** What the machine is doing about its stream. At most one attempt is under way at any time. */
export type Link<Item extends Versioned> =
  | { readonly phase: 'idle' }
  | Waiting
  | Connecting
  | Open<Item>
  | { readonly phase: 'closed' };

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

/** Everything that a follower knows. A value: `step` makes a new one. Times are on the runner's clock. */
export interface FollowerState<Item extends Versioned> {
  readonly snapshot: Snapshot<Item> | null;
  readonly source: SnapshotSource | null;
  /** When the snapshot was last known to be the newest that the database held. */
  readonly confirmedAt: number | null;
  readonly link: Link<Item>;
  /** Number of the current or last attempt, from 1. */
  readonly attempt: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Whether the next attempt asks for everything, without a cursor. */
  readonly resync: boolean;
  readonly refused: boolean;
  /** When the follower stopped being live; `null` while it is, or never was. */
  readonly lostAt: number | null;
  readonly stale: boolean;
  /** The last failure; a goodbye is none. `null` once live again. */
  readonly problem: StreamProblem | null;
  /** The last update that was refused, for as long as it takes. */
  readonly refusal: RefusedUpdate | null;
  readonly polling: Polling;
  /** How often the copy or a stream was distrusted, and everything asked for anew. */
  readonly resyncs: number;
}

export function initialState<Item extends Versioned>(): FollowerState<Item> {
  return {
    snapshot: null,
    source: null,
    confirmedAt: null,
    link: { phase: 'idle' },
    attempt: 0,
    failures: 0,
    resync: false,
    refused: false,
    lostAt: null,
    stale: false,
    problem: null,
    refusal: null,
    polling: { number: 0, asking: null, until: 0, failures: 0, works: false, owed: null },
    resyncs: 0,
  };
}

/** The state in one word. */
export function statusOf(state: FollowerState<Versioned>): FollowerStatus {
  const { link } = state;
  if (link.phase === 'closed') return 'CLOSED';
  if (link.phase === 'idle') return 'INIT';
  if (isLive(state)) return state.stale ? 'STALE' : 'LIVE';
  if (state.refused) return 'REFUSED';
  if (state.lostAt !== null) return state.stale ? 'STALE' : 'INTERRUPTED';
  // Never live, but the server's: a poll has brought or confirmed it.
  if (state.source === 'poll') return 'STALE';
  if (state.source === 'cache') return 'CACHED';
  return state.source === 'bootstrap' ? 'BOOTSTRAP' : 'DEFAULTS';
}

/** What keeps the copy current at this moment. */
export function modeOf(state: FollowerState<Versioned>): FollowerMode {
  if (isLive(state)) return 'stream';
  return state.polling.works && state.link.phase !== 'closed' ? 'poll' : 'none';
}

/** Whether the copy is the server's, by its stream. */
export function isLive({ link }: FollowerState<Versioned>): boolean {
  return link.phase === 'open' && link.liveSince !== null;
}

/** When the machine next wants a `tick`, if nothing happens before; `undefined`: never. */
export function deadlineOf(state: FollowerState<Versioned>, timing: FollowerTiming): number | undefined {
  const { link, lostAt, stale, polling } = state;
  if (link.phase === 'idle' || link.phase === 'closed') return undefined;
  const staleAt = lostAt === null || stale ? link.until : lostAt + timing.staleAfterMs;
  return Math.min(link.until, staleAt, polling.until, polling.owed?.until ?? polling.until);
}
