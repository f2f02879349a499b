import type {
  BatchPolicy,
  CountedBatches,
  ExposureCount,
  ExposureQuery,
  ExposureStore,
  ExposureTotal,
} from '../exposure-store.ts';

/** Counts in memory: the reference of the other adapters. */
export class MemoryExposures implements ExposureStore {
  readonly #exists: (project: string, environment: string) => boolean;
  readonly #counts = new Map<string, ExposureCount>();
  /** When each batch was added, by its name; the oldest first. */
  readonly #batches = new Map<string, number>();

  constructor(exists: (project: string, environment: string) => boolean) {
    this.#exists = exists;
  }

  async add({ names, at, countsWithout }: CountedBatches): Promise<ReadonlySet<string>> {
    const known = new Set(names.filter((name) => this.#batches.has(name)));
    const counts = countsWithout(known);
    for (const name of names) if (!known.has(name)) this.#batches.set(name, at);
    for (const added of counts) {
      const { project, environment, flag, variation, reason, source, minute, count } = added;
      if (!this.#exists(project, environment)) continue;
      const key = JSON.stringify([project, environment, flag, variation, reason, source, minute]);
      this.#counts.set(key, { ...added, count: count + (this.#counts.get(key)?.count ?? 0) });
    }
    return known;
  }

  async read({ project, environment, flag, from, to }: ExposureQuery): Promise<readonly ExposureCount[]> {
    return [...this.#counts.values()]
      .filter(
        (count) =>
          count.project === project &&
          count.environment === environment &&
          count.flag === flag &&
          count.minute >= from &&
          count.minute < to,
      )
      .sort((one, other) => one.minute - other.minute);
  }

  async totals(query: ExposureQuery): Promise<readonly ExposureTotal[]> {
    const totals = new Map<string, ExposureTotal>();
    for (const { variation, source, count, minute } of await this.read(query)) {
      const key = JSON.stringify([variation, source]);
      totals.set(key, {
        variation,
        source,
        count: count + (totals.get(key)?.count ?? 0),
        lastMinute: minute,
      });
    }
    return [...totals.values()];
  }

  async prune(before: number): Promise<number> {
    const old = [...this.#counts].filter(([, { minute }]) => minute < before);
    for (const [key] of old) this.#counts.delete(key);
    return old.length;
  }

  async pruneBatches({ since, most }: BatchPolicy): Promise<number> {
    const tooMany = this.#batches.size - most;
    const old = [...this.#batches].filter(([, at], place) => at < since || place < tooMany);
    for (const [name] of old) this.#batches.delete(name);
    return old.length;
  }
}
