import type { ExposedFlag, PreparedEvaluation, Ruleset } from '@dimmer/evaluator';
import { exposedFlagsOf, flagValueOf } from '@dimmer/evaluator';
import { digestOf } from '@dimmer/schema';
import { putFrame } from '../delivery/frames.ts';

/** What one answer of a flag is to client keys, made once for every context that gets it. */
export interface EncodedValue {
  readonly key: string;
  readonly version: number;
  /** The `put` frame. */
  readonly put: Buffer;
  /** Its share of a digest. */
  readonly share: number;
}

/** How the exposed flags of one ruleset become those of another, the same for every context. */
export interface Step {
  /** For each flag of the new ruleset its place in the old one; -1: it was not exposed. */
  readonly origins: readonly number[];
  /** Places of the new flags whose answers may differ: those that were compiled anew. */
  readonly touched: readonly number[];
  /** Places of the old flags that are not exposed any more. */
  readonly removed: readonly number[];
  /** Whether every flag kept its place, so that only `touched` is to be looked at. */
  readonly inPlace: boolean;
}

/**
 * What all contexts share: the exposed flags of a ruleset, the bytes of an answer, the way from one ruleset to the
 * next. It lasts as long as the objects that it was made from.
 *
 * @example cache.encode(flag, flag.evaluate(context)).put
 */
export class ValueCache {
  readonly #flags = new WeakMap<Ruleset, readonly ExposedFlag[]>();
  readonly #encoded = new WeakMap<PreparedEvaluation, EncodedValue>();
  /** By the list that it starts from, then by the one that it leads to. */
  readonly #steps = new WeakMap<readonly ExposedFlag[], WeakMap<readonly ExposedFlag[], Step>>();

  /** @returns For one ruleset always the same list. */
  flagsOf(ruleset: Ruleset): readonly ExposedFlag[] {
    const known = this.#flags.get(ruleset);
    if (known !== undefined) return known;
    const flags = exposedFlagsOf(ruleset);
    this.#flags.set(ruleset, flags);
    return flags;
  }

  encode(flag: ExposedFlag, evaluation: PreparedEvaluation): EncodedValue {
    const known = this.#encoded.get(evaluation);
    if (known !== undefined) return known;
    const value = flagValueOf(flag, evaluation);
    const { key, version } = value;
    const encoded = { key, version, put: putFrame(value), share: digestOf(value) };
    this.#encoded.set(evaluation, encoded);
    return encoded;
  }

  /** Costs one look at every flag, once for all contexts. */
  step(from: readonly ExposedFlag[], to: readonly ExposedFlag[]): Step {
    const steps = this.#steps.get(from) ?? new WeakMap<readonly ExposedFlag[], Step>();
    this.#steps.set(from, steps);
    const known = steps.get(to);
    if (known !== undefined) return known;
    const step = stepBetween(from, to);
    steps.set(to, step);
    return step;
  }
}

function stepBetween(from: readonly ExposedFlag[], to: readonly ExposedFlag[]): Step {
  const places = new Map(from.map(({ key }, place) => [key, place]));
  const origins = to.map(({ key }) => places.get(key) ?? -1);
  const kept = new Set(origins);
  return {
    origins,
    touched: [...to.keys()].filter((place) => from[origins[place] ?? -1] !== to[place]),
    removed: [...from.keys()].filter((place) => !kept.has(place)),
    inPlace: from.length === to.length && origins.every((origin, place) => origin === place),
  };
}
