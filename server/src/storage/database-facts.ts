/** What can be seen of a database from outside, while a server uses it or not. */
export type DatabaseFacts =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'unreachable';
      readonly what: string;
      readonly cause: string;
      /** What to do; `undefined`: nothing better than to correct the setting. */
      readonly remedy: string | undefined;
    }
  | {
      readonly kind: 'absent';
      readonly path: string;
      readonly freeBytes: number | undefined;
      /** What of it whoever looks may not write: the nearest folder above it that is there. */
      readonly unwritable: string | undefined;
    }
  | { readonly kind: 'foreign'; readonly path: string; readonly owner: number; readonly user: number }
  | SqliteFacts
  | PostgresFacts;

export interface SchemaFacts {
  /** Steps that were taken; `undefined`: the database has none of ours. */
  readonly steps: number | undefined;
  /** Steps that this version knows. */
  readonly knownSteps: number;
}

export interface SqliteFacts extends SchemaFacts {
  readonly kind: 'sqlite';
  readonly path: string;
  readonly version: string;
  /** `ok`, or the first fault. */
  readonly quickCheck: string;
  readonly journalMode: string;
  readonly bytes: number;
  readonly freeBytes: number | undefined;
  readonly fileSystem: 'local' | 'network' | 'memory';
  /** What of it whoever looks may not write: the file, or its folder. */
  readonly unwritable: string | undefined;
  readonly holder: { readonly pid: number; readonly host: string; readonly isHere: boolean } | undefined;
  /** Whether the holder runs; `undefined`: it is on another machine, or nobody holds it. */
  readonly holderRuns: boolean | undefined;
}

export interface PostgresFacts extends SchemaFacts {
  readonly kind: 'postgres';
  readonly version: string;
  readonly encoding: string;
  /** What of the rights on the schema `public` its user lacks: `USAGE`, `CREATE`. */
  readonly missingRights: readonly string[];
  readonly user: string;
  readonly synchronousCommit: string;
  /** Whether the server forces anything to its disk at all. */
  readonly forcesToDisk: boolean;
  /** By its clock against ours, half a round trip taken off; milliseconds. */
  readonly clockAheadMs: number;
  readonly roundTripMs: number;
  readonly connectionsMax: number;
  readonly connections: number;
  /** Whether it takes no writes. */
  readonly isReadOnly: boolean;
}
