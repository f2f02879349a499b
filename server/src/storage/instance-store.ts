import type { EnvironmentRef } from '../environments/environment.ts';

/** What a server knows of one running SDK, for the others. */
export interface SharedInstance extends EnvironmentRef {
  readonly id: string;
  /** JSON; its form is the business of those who share it. `null`: the instance has said that it ends. */
  readonly document: string | null;
}

/** The same, as another server has it. */
export interface OtherInstance extends SharedInstance {
  /** Of those that share, the one that knows it. */
  readonly server: string;
}

/** What servers have shared. */
export interface InstanceNews {
  readonly instances: readonly OtherInstance[];
  /** The servers that live: each has shared something, if only that, within {@link SERVER_SILENT_AFTER_MS}. */
  readonly servers: ReadonlySet<string>;
  /** When it was so, by the clock of the database, in milliseconds since the Unix epoch. */
  readonly at: number;
}

/** A server that has shared nothing for so long is gone, in milliseconds of the database's clock. */
export const SERVER_SILENT_AFTER_MS = 15_000;

/** What was not shared anew for so long is deleted, in milliseconds of the database's clock. */
export const SHARED_KEPT_MS = 600_000;

/**
 * What servers tell each other of the SDKs that run. Nothing about a flag depends on it, so it may be lost with the
 * database: servers that meet a fault share everything anew.
 */
export interface InstanceStore {
  /** Shares instances, all in one statement, and that the server lives. */
  write(server: string, instances: readonly SharedInstance[]): Promise<void>;
  /**
   * What the other servers have shared.
   *
   * @param since - Only what was shared since, by the clock of the database: `at` of an earlier answer. Left out: all.
   */
  read(server: string, since?: number): Promise<InstanceNews>;
  /** The server leaves. What it has shared stays for a while: its instances are on their way to others. */
  leave(server: string): Promise<void>;
  /** Deletes what is older than {@link SHARED_KEPT_MS}. */
  prune(): Promise<void>;
}
