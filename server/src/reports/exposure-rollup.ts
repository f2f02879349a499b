import type { ReportInput } from '@dimmer/schema/rest';
import type { ExposureCount } from '../storage/exposure-store.ts';
import { BatchGroup } from './batch-group.ts';
import type { BatchOrigin } from './batch-name.ts';
import { batchNameOf } from './batch-name.ts';

type ReportedExposure = NonNullable<ReportInput['batch']>['exposures'][number];

const MINUTE_MS = 60_000;

/** What waits until it is written. */
export interface RollupLimits {
  /** Different rows, of all transactions. */
  readonly rows: number;
  /** What batches have counted, one by one: each is two numbers. */
  readonly counts: number;
}

/** The minute that a time belongs to, in milliseconds since the Unix epoch. */
export function minuteOf(at: number): number {
  return at - (at % MINUTE_MS);
}

/**
 * Exposures of all instances that are not written yet, added up per flag, variation, reason, source and minute, in groups of
 * batches that are written together.
 */
export class ExposureRollup {
  readonly #limits: RollupLimits;
  /** The oldest first. Batches come into the last one. */
  #groups: BatchGroup[] = [];
  #rows = 0;
  #counts = 0;
  #dropped = 0;

  constructor(limits: RollupLimits) {
    this.#limits = limits;
  }

  /** Evaluations that were left out because too much waits. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Rows that wait to be written. */
  get rows(): number {
    return this.#rows;
  }

  /** @param share - Of the limits that may be used before there is none: 1 or less. */
  hasRoom(share: number): boolean {
    return this.#rows < this.#limits.rows * share && this.#counts < this.#limits.counts * share;
  }

  /** Adds a batch, unless it waits already. Where there is no room it is dropped and counted. */
  add(origin: BatchOrigin, exposures: readonly ReportedExposure[], now: number): void {
    if (exposures.length === 0) return;
    const name = batchNameOf(origin);
    if (this.#groups.some((group) => group.has(name))) return;
    if (!this.hasRoom(1)) {
      this.#dropped += exposures.reduce((sum, { count }) => sum + count, 0);
      return;
    }
    const { project, environment, source } = origin;
    const minute = minuteOf(now);
    const counts = exposures.map(
      ({ flag, variation, reason, count }): ExposureCount => ({
        project,
        environment,
        flag,
        variation,
        reason,
        source,
        minute,
        count,
      }),
    );
    const group = this.#groupFor(counts);
    const before = { rows: group.rows, counts: group.counts };
    group.add(name, counts);
    this.#rows += group.rows - before.rows;
    this.#counts += group.counts - before.counts;
  }

  /** Takes the oldest batches out, as many as are written together. */
  take(): BatchGroup | undefined {
    const group = this.#groups.shift();
    this.#rows -= group?.rows ?? 0;
    this.#counts -= group?.counts ?? 0;
    return group;
  }

  /** A group that could not be written comes back. */
  putBack(group: BatchGroup): void {
    this.#groups.unshift(group);
    this.#rows += group.rows;
    this.#counts += group.counts;
  }

  #groupFor(counts: readonly ExposureCount[]): BatchGroup {
    const last = this.#groups.at(-1);
    if (last?.hasRoomFor(counts)) return last;
    const made = new BatchGroup();
    this.#groups.push(made);
    return made;
  }
}
