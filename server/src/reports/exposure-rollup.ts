import type { ReportInput } from '@dimmer/schema/rest';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { ExposureCount, ExposureSource } from '../storage/exposure-store.ts';

type ReportedExposure = NonNullable<ReportInput['batch']>['exposures'][number];

const MINUTE_MS = 60_000;

/** The minute that a time belongs to, in milliseconds since the Unix epoch. */
export function minuteOf(at: number): number {
  return at - (at % MINUTE_MS);
}

/**
 * Exposures of all instances that are not written yet, added up per flag, variation, reason, source and minute:
 * what is written does not depend on how many instances there are.
 */
export class ExposureRollup {
  readonly #rowsMax: number;
  #rows = new Map<string, ExposureCount>();
  #dropped = 0;

  /** @param rowsMax - Different rows that are kept until they are written. */
  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Evaluations that were left out because there were too many different ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Rows that wait to be written. */
  get size(): number {
    return this.#rows.size;
  }

  add(
    environment: EnvironmentRef,
    source: ExposureSource,
    exposures: readonly ReportedExposure[],
    now: number,
  ): void {
    const minute = minuteOf(now);
    for (const { flag, variation, reason, count } of exposures) {
      this.#addRow({ ...environment, flag, variation, reason, source, minute, count });
    }
  }

  /** Takes at most `limit` rows, oldest first. */
  take(limit: number): readonly ExposureCount[] {
    const taken = [...this.#rows].slice(0, limit);
    for (const [key] of taken) this.#rows.delete(key);
    return taken.map(([, row]) => row);
  }

  /** Rows that could not be written come back, with what was added meanwhile. */
  putBack(rows: readonly ExposureCount[]): void {
    for (const row of rows) this.#addRow(row);
  }

  #addRow(row: ExposureCount): void {
    const { project, environment, flag, variation, reason, source, minute } = row;
    const key = JSON.stringify([project, environment, flag, variation, reason, source, minute]);
    const known = this.#rows.get(key);
    if (known !== undefined) this.#rows.set(key, { ...known, count: known.count + row.count });
    else if (this.#rows.size < this.#rowsMax) this.#rows.set(key, row);
    else this.#dropped += row.count;
  }
}
