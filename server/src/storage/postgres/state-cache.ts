import type { Stamped } from './load-state.ts';

/**
 * What was read from rows, by key, with the stamp that it had. It answers only a caller who knows the stamp that holds
 * now, so another server's write is never missed.
 */
export class StateCache<T> {
  readonly #entries = new Map<string, Stamped<T>>();
  readonly #loading = new Map<
    string,
    { readonly stamp: number; readonly loaded: Promise<Stamped<T> | undefined> }
  >();

  /** What is known at a stamp; `undefined` where it is of another. */
  at(key: string, stamp: number): T | undefined {
    const entry = this.#entries.get(key);
    return entry?.stamp === stamp ? entry.value : undefined;
  }

  /** What is known, of whatever stamp: a base to bring up to date. */
  latest(key: string): Stamped<T> | undefined {
    return this.#entries.get(key);
  }

  /** Forgets everything: the rows may have gone back, as where another server took the place of one that was lost. */
  clear(): void {
    this.#entries.clear();
    this.#loading.clear();
  }

  /** Keeps something, unless something newer is known. */
  put(key: string, entry: Stamped<T>): void {
    const known = this.#entries.get(key);
    if (known === undefined || known.stamp < entry.stamp) this.#entries.set(key, entry);
  }

  /**
   * What is as new as a stamp, or newer. Callers who ask at the same time share one load.
   *
   * @param load - Reads it from the rows as they are now.
   */
  async since(
    key: string,
    stamp: number,
    load: () => Promise<Stamped<T> | undefined>,
  ): Promise<T | undefined> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.stamp >= stamp) return known.value;
    const underWay = this.#loading.get(key);
    if (underWay !== undefined && underWay.stamp >= stamp) return (await underWay.loaded)?.value;
    const loaded = load();
    const entry = { stamp, loaded };
    this.#loading.set(key, entry);
    try {
      const value = await loaded;
      // What was read before everything was forgotten may be of the rows of then.
      if (value !== undefined && this.#loading.get(key) === entry) this.put(key, value);
      return value?.value;
    } finally {
      if (this.#loading.get(key) === entry) this.#loading.delete(key);
    }
  }
}
