import type { CountedBatches, ExposureCount } from '../storage/exposure-store.ts';

/** An exposure, and the minute in which it came. */
type Place = Omit<ExposureCount, 'count'>;

/** Batches in one transaction. */
const BATCHES_MAX = 500;

/**
 * Rows in one transaction, unless one batch has more. SQLite writes on the thread that also kills: a few milliseconds,
 * then its turn.
 */
const ROWS_MAX = 1_000;

/**
 * Batches that are added in one transaction, summed up as they come: what is written does not depend on how many
 * instances there are. What each of them counted is kept beside the sums, because one that was added before, through whatever
 * server, has to be taken out again; that shows only in the transaction.
 */
export class BatchGroup {
  readonly #rowOf = new Map<string, number>();
  readonly #places: Place[] = [];
  readonly #sums: number[] = [];
  /** Of each batch, by its name: a row and what is added to it, in turns. */
  readonly #batches = new Map<string, readonly number[]>();
  #counts = 0;

  /** Different rows. */
  get rows(): number {
    return this.#places.length;
  }

  /** What batches have counted, one by one. */
  get counts(): number {
    return this.#counts;
  }

  has(name: string): boolean {
    return this.#batches.has(name);
  }

  /** Whether a batch with these exposures may come into the same transaction. */
  hasRoomFor(exposures: readonly ExposureCount[]): boolean {
    if (this.#batches.size === 0) return true;
    if (this.#batches.size >= BATCHES_MAX) return false;
    const added = exposures.filter((exposure) => !this.#rowOf.has(keyOf(exposure)));
    return this.rows + added.length <= ROWS_MAX;
  }

  add(name: string, exposures: readonly ExposureCount[]): void {
    const parts: number[] = [];
    for (const { count, ...place } of exposures) {
      const row = this.#rowFor(place);
      this.#sums[row] = (this.#sums[row] ?? 0) + count;
      parts.push(row, count);
    }
    this.#batches.set(name, parts);
    this.#counts += exposures.length;
  }

  /** @param at - Milliseconds since the Unix epoch. */
  toAdd(at: number): CountedBatches {
    return {
      names: [...this.#batches.keys()],
      at,
      countsWithout: (known) => this.#countsWithout(known),
    };
  }

  #countsWithout(known: ReadonlySet<string>): readonly ExposureCount[] {
    const sums = [...this.#sums];
    for (const name of known) {
      const parts = this.#batches.get(name) ?? [];
      for (let at = 0; at < parts.length; at += 2) {
        const [row = 0, count = 0] = [parts[at], parts[at + 1]];
        sums[row] = (sums[row] ?? 0) - count;
      }
    }
    return this.#places.flatMap((place, row) => {
      const count = sums[row] ?? 0;
      return count === 0 ? [] : [{ ...place, count }];
    });
  }

  #rowFor(place: Place): number {
    const key = keyOf(place);
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    this.#rowOf.set(key, this.#places.length);
    return this.#places.push(place) - 1;
  }
}

function keyOf({ project, environment, flag, variation, reason, source, minute }: Place): string {
  return JSON.stringify([project, environment, flag, variation, reason, source, minute]);
}
