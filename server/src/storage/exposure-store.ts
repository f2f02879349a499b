import type { EnvironmentRef } from '../environments/environment.ts';

/** Which kind of key an exposure was reported with. */
export type ExposureSource = 'server' | 'client';

/** Evaluations of one flag with one answer within one minute. */
export interface ExposureCount extends EnvironmentRef {
  readonly flag: string;
  /** `null` where no variation was chosen. */
  readonly variation: string | null;
  readonly reason: string;
  /** Whose SDKs counted. A client key is public, so what it counts is never added to what servers count. */
  readonly source: ExposureSource;
  /** Start of the minute, in milliseconds since the Unix epoch. */
  readonly minute: number;
  readonly count: number;
}

export interface ExposureQuery extends EnvironmentRef {
  readonly flag: string;
  /** First minute, inclusive; milliseconds since the Unix epoch. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/**
 * Where counted exposures are kept. Apart from {@link Storage.transact} on purpose: counting makes no
 * revision, and nothing about a flag depends on it.
 */
export interface ExposureStore {
  /** Adds to what is there, in one transaction. Counts of environments that do not exist are left out. */
  add(counts: readonly ExposureCount[]): Promise<void>;
  /** Oldest minute first. */
  read(query: ExposureQuery): Promise<readonly ExposureCount[]>;
  /**
   * Deletes some of the counts of minutes before a time, so that other writes come in between.
   *
   * @returns How many were deleted: 0 when there are no more.
   */
  prune(before: number): Promise<number>;
}
