/**
 * A map that is another one but for a few entries. Making it costs what is edited, not what is there: a copy of
 * 5,000 entries takes 0.3 ms, and a change set would pay for one with each edit and environment. Here the copy is
 * made once, when the map is first walked.
 */
export class LayeredMap<V> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>;
  /** `null`: removed. */
  readonly #edited: ReadonlyMap<string, V | null>;
  #copy: ReadonlyMap<string, V> | undefined;

  /**
   * @param edited - What is set, or removed where it is `null`.
   * @example new LayeredMap(new Map([['a', 1]]), new Map([['b', 2]])).size // 2
   */
  constructor(base: ReadonlyMap<string, V>, edited: ReadonlyMap<string, V | null>) {
    const isLayered = base instanceof LayeredMap;
    this.#base = isLayered ? base.#base : base;
    this.#edited = isLayered ? new Map([...base.#edited, ...edited]) : edited;
  }

  /** The keys whose entries are not those of `before`; `undefined` where this is not a layer over it. */
  keysEditedSince(before: ReadonlyMap<string, V>): string[] | undefined {
    if (before !== this.#base) return undefined;
    return [...this.#edited.keys()].filter((key) => before.get(key) !== this.get(key));
  }

  get size(): number {
    return this.#copied().size;
  }

  get(key: string): V | undefined {
    const edited = this.#edited.get(key);
    return edited === undefined ? this.#base.get(key) : (edited ?? undefined);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  entries(): MapIterator<[string, V]> {
    return this.#copied().entries();
  }

  keys(): MapIterator<string> {
    return this.#copied().keys();
  }

  values(): MapIterator<V> {
    return this.#copied().values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    this.#copied().forEach((value, key) => {
      visit(value, key, this);
    });
  }

  #copied(): ReadonlyMap<string, V> {
    this.#copy ??= copyOf(this.#base, this.#edited);
    return this.#copy;
  }
}

function copyOf<V>(base: ReadonlyMap<string, V>, edited: ReadonlyMap<string, V | null>): Map<string, V> {
  const copy = new Map(base);
  for (const [key, value] of edited) {
    if (value === null) copy.delete(key);
    else copy.set(key, value);
  }
  return copy;
}
