import type { ParsedSettings } from '../settings/setting-table.ts';
import type { Settings } from '../settings/settings.ts';
import type { DatabaseFacts } from '../storage/database-facts.ts';

/** Everything that the doctor looks at, gathered; what it makes of it is decided without a look at the world. */
export interface Facts {
  readonly settings: ParsedSettings<Settings>;
  /** Names of variables that are set, begin with `DIMMER_`, and are none of the server's or the command's. */
  readonly unknownVariables: readonly string[];
  readonly database: DatabaseFacts;
  /** When the newest file in the folder of backups was written; `undefined`: no folder was named. */
  readonly newestBackupAt: number | null | undefined;
  readonly machine: MachineFacts;
  readonly versions: VersionFacts;
  /** `undefined`: no server was named. */
  readonly server: ServerFacts | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export interface MachineFacts {
  readonly openFilesMax: number | undefined;
  /** `net.core.somaxconn`. */
  readonly backlogMax: number | undefined;
  /** `net.ipv4.tcp_retries2`. */
  readonly tcpRetries: number | undefined;
  readonly memoryBytes: number;
  readonly heapBytesMax: number;
}

export interface VersionFacts {
  readonly dimmer: string;
  readonly node: string;
}

export type ServerFacts =
  | { readonly reached: false; readonly url: string; readonly cause: string }
  | {
      readonly reached: true;
      readonly url: string;
      readonly isLive: boolean;
      readonly isReady: boolean;
      readonly databaseAgeMs: number | undefined;
      /** Environments of which SDKs know revisions that the database lacks. */
      readonly environmentsBehindReaders: number;
      readonly version: string | undefined;
      /** Half of several round trips take no longer. */
      readonly roundTripMs: number;
      /** By its `Date` header against ours; it counts whole seconds. */
      readonly clockAheadMs: number | undefined;
      /** What it said to the admin key; `undefined`: there is none to try. */
      readonly keyStatus: number | undefined;
    };
