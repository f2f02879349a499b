import type { ExposedFlag } from '@dimmer/evaluator';
import type { EvaluationContext } from '@dimmer/schema';
import { addDigests, subtractDigests } from '@dimmer/schema';
import type { EncodedValue, Step, ValueCache } from './value-cache.ts';

/** What one context's answers became. */
export interface ValueChanges {
  readonly puts: readonly EncodedValue[];
  readonly removed: readonly EncodedValue[];
}

/**
 * The answers of every exposed flag to one context, and their digest. Nothing else is kept: what a reader lacks
 * follows from what it has.
 */
export class ContextValues {
  readonly #context: EvaluationContext;
  readonly #cache: ValueCache;
  readonly #onEvaluated: (count: number) => void;
  #flags: readonly ExposedFlag[] = [];
  /** In the order of the flags. */
  #values: EncodedValue[] = [];
  #digest = 0;

  /** @param onEvaluated - Told how many evaluations were made. */
  constructor(context: EvaluationContext, cache: ValueCache, onEvaluated: (count: number) => void) {
    this.#context = context;
    this.#cache = cache;
    this.#onEvaluated = onEvaluated;
  }

  get digest(): number {
    return this.#digest;
  }

  get values(): readonly EncodedValue[] {
    return this.#values;
  }

  /** Evaluates the flags that differ from the last time, and no other. */
  advance(flags: readonly ExposedFlag[]): ValueChanges {
    if (flags === this.#flags) return UNCHANGED;
    const step = this.#cache.step(this.#flags, flags);
    this.#flags = flags;
    const removed = step.removed.flatMap((place) => this.#values[place] ?? []);
    for (const { share } of removed) this.#digest = subtractDigests(this.#digest, share);
    const puts = step.inPlace ? this.#refresh(step) : this.#rearrange(step);
    this.#onEvaluated(step.touched.length);
    return { puts, removed };
  }

  #refresh({ touched }: Step): readonly EncodedValue[] {
    return touched.flatMap((place) => this.#answer(place, this.#values[place]));
  }

  #rearrange({ origins, touched }: Step): readonly EncodedValue[] {
    const before = this.#values;
    const again = new Set(touched);
    const changed: EncodedValue[] = [];
    this.#values = [];
    for (const [place, origin] of origins.entries()) {
      const last = before[origin];
      if (last !== undefined && !again.has(place)) this.#values[place] = last;
      else changed.push(...this.#answer(place, last));
    }
    return changed;
  }

  /** @returns The answer where it says something else than the last one. */
  #answer(place: number, last: EncodedValue | undefined): readonly EncodedValue[] {
    const flag = this.#flags[place];
    if (flag === undefined) return [];
    const value = this.#cache.encode(flag, flag.evaluate(this.#context));
    this.#values[place] = value;
    const without = last === undefined ? this.#digest : subtractDigests(this.#digest, last.share);
    this.#digest = addDigests(without, value.share);
    return last?.put.equals(value.put) === true ? [] : [value];
  }
}

const UNCHANGED: ValueChanges = { puts: [], removed: [] };
