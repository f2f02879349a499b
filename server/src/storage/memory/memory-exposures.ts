import type { ExposureCount, ExposureQuery, ExposureStore } from '../exposure-store.ts';

/** Counts in memory: the reference of the other adapters. */
export class MemoryExposures implements ExposureStore {
  readonly #exists: (project: string, environment: string) => boolean;
  readonly #counts = new Map<string, ExposureCount>();

  constructor(exists: (project: string, environment: string) => boolean) {
    this.#exists = exists;
  }

  async add(counts: readonly ExposureCount[]): Promise<void> {
    for (const added of counts) {
      const { project, environment, flag, variation, reason, source, minute, count } = added;
      if (!this.#exists(project, environment)) continue;
      const key = JSON.stringify([project, environment, flag, variation, reason, source, minute]);
      this.#counts.set(key, { ...added, count: count + (this.#counts.get(key)?.count ?? 0) });
    }
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

  async prune(before: number): Promise<number> {
    const old = [...this.#counts].filter(([, { minute }]) => minute < before);
    for (const [key] of old) this.#counts.delete(key);
    return old.length;
  }
}
