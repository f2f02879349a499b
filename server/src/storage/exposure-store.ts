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

/** Batches of counts that are added in one transaction. */
export interface CountedBatches {
  /** A name for each that no other batch has, of at most 64 characters. None is there twice. */
  readonly names: readonly string[];
  /** When they are added, in milliseconds since the Unix epoch. */
  readonly at: number;
  /**
   * The sums of the batches that were not added before. Pure and synchronous: it runs inside the transaction, and may be run
   * again.
   *
   * @param known - Names of those that were.
   */
  readonly countsWithout: (known: ReadonlySet<string>) => readonly ExposureCount[];
}

/** Which names of batches are kept. */
export interface BatchPolicy {
  /** Those of batches that were added at this time or later, in milliseconds since the Unix epoch, */
  readonly since: number;
  /** and no more than so many, the newest. */
  readonly most: number;
}

/** What one variation has served within the minutes of a query. */
export interface ExposureTotal {
  readonly variation: string | null;
  readonly source: ExposureSource;
  readonly count: number;
  /** Start of the last minute in which it was served. */
  readonly lastMinute: number;
}

/**
 * Where counted exposures are kept. Apart from {@link Storage.transact} on purpose: counting makes no
 * revision, and nothing about a flag depends on it.
 */
export interface ExposureStore {
  /**
   * Adds the counts of each batch once: those whose name is kept already are left out. The name of a batch is there with its
   * counts or not at all, whatever other servers of the database add meanwhile. Counts of environments that do not exist
   * are left out.
   *
   * @returns The names that were kept already.
   */
  add(batches: CountedBatches): Promise<ReadonlySet<string>>;
  /** Oldest minute first. */
  read(query: ExposureQuery): Promise<readonly ExposureCount[]>;
  /** Added up by variation and source, in no particular order. A week of minutes is tens of thousands of rows. */
  totals(query: ExposureQuery): Promise<readonly ExposureTotal[]>;
  /**
   * Deletes some of the counts of minutes before a time, so that other writes come in between.
   *
   * @returns How many were deleted: 0 when there are no more.
   */
  prune(before: number): Promise<number>;
  /**
   * Deletes some of the names of batches that a policy does not keep, the oldest first.
   *
   * @returns How many were deleted: 0 when there are no more.
   */
  pruneBatches(policy: BatchPolicy): Promise<number>;
}
