/** A signal that aborts when one of the flags it stands for is killed. */
export interface WatchedSignal {
  readonly signal: AbortSignal;
  /** The signal will not abort any more. */
  readonly release: () => void;
}

/** Flags by key, each with the {@link KillWatch.count} at which it was used. The map may grow. */
export type UsedFlags = ReadonlyMap<string, { readonly killsBefore: number }>;

interface Watch {
  readonly controller: AbortController;
  readonly used: UsedFlags;
}

/**
 * The signals that are waiting for a kill.
 *
 * Nobody is obliged to release one: this class knows them weakly, and a watch lives exactly as long as its
 * signal, which an unfinished `fetch` may be holding after the scope is forgotten.
 */
export class KillWatch {
  readonly #watches = new Set<WeakRef<Watch>>();
  readonly #heldBySignal = new WeakMap<AbortSignal, Watch>();
  readonly #collected = new FinalizationRegistry<WeakRef<Watch>>((watch) => this.#watches.delete(watch));
  /** Per flag, the number of its last kill: who asks for a signal afterwards gets an aborted one. */
  readonly #lastKill = new Map<string, number>();
  #count = 0;

  /** How many kills there were so far. */
  get count(): number {
    return this.#count;
  }

  /** How many signals are waiting, collected ones that were not noticed yet included. */
  get size(): number {
    return this.#watches.size;
  }

  watch(used: UsedFlags): WatchedSignal {
    const watch: Watch = { controller: new AbortController(), used };
    const { signal } = watch.controller;
    const weak = new WeakRef(watch);
    const key = this.#killedSinceUse(used);
    if (key === undefined) {
      this.#watches.add(weak);
      this.#heldBySignal.set(signal, watch);
      this.#collected.register(signal, weak);
    } else {
      watch.controller.abort(new FlagKilledError(key));
    }
    return { signal, release: () => void this.#watches.delete(weak) };
  }

  /** Aborts the signals of everyone who used one of these flags. */
  killed(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    this.#count += 1;
    for (const key of keys) this.#lastKill.set(key, this.#count);
    for (const weak of [...this.#watches]) {
      const watch = weak.deref();
      const key = watch === undefined ? undefined : this.#killedSinceUse(watch.used);
      if (watch === undefined || key === undefined) continue;
      this.#watches.delete(weak);
      watch.controller.abort(new FlagKilledError(key));
    }
  }

  #killedSinceUse(used: UsedFlags): string | undefined {
    for (const [key, { killsBefore }] of used) {
      if ((this.#lastKill.get(key) ?? 0) > killsBefore) return key;
    }
    return undefined;
  }
}

/** The reason of an aborted scope. */
export class FlagKilledError extends Error {
  override readonly name = 'FlagKilledError';
  /** The flag that was killed, or that needs one that was. */
  readonly flag: string;

  constructor(flag: string) {
    super(`the flag ${flag} was killed while it was in use`);
    this.flag = flag;
  }
}
