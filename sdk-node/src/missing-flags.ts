import type { Evaluation } from '@dimmer/schema';
import type { Exposure, FallbackLabel } from './exposure.ts';
import { exposureOf, labelOf } from './exposure.ts';

/** The answer for a flag that the snapshot does not hold. */
export const FLAG_NOT_FOUND: Evaluation = Object.freeze({
  value: undefined,
  variation: null,
  reason: 'ERROR',
  errorCode: 'FLAG_NOT_FOUND',
  revision: 0,
  isStatic: false,
});

/** The answer as long as there is no snapshot. */
export const NOT_READY: Evaluation = Object.freeze({ ...FLAG_NOT_FOUND, errorCode: 'NOT_READY' });

interface Miss {
  readonly evaluation: Evaluation;
  readonly fallback: FallbackLabel;
  count: number;
}

/** Counts evaluations of flags that do not exist. Bounded: a key made of user input must not fill the memory. */
export class MissingFlags {
  readonly #missesMax: number;
  readonly #byFlag = new Map<string, Miss[]>();
  #size = 0;
  #dropped = 0;

  constructor(missesMax: number) {
    this.#missesMax = missesMax;
  }

  count(flag: unknown, evaluation: Evaluation, fallback: unknown): void {
    const label = labelOf(fallback);
    const misses = typeof flag === 'string' ? this.#missesOf(flag) : undefined;
    const known = misses?.find((miss) => miss.fallback === label && miss.evaluation === evaluation);
    if (known !== undefined) {
      known.count += 1;
    } else if (misses === undefined || this.#size >= this.#missesMax) {
      this.#dropped += 1;
    } else {
      misses.push({ evaluation, fallback: label, count: 1 });
      this.#size += 1;
    }
  }

  get counted(): number {
    let sum = 0;
    for (const misses of this.#byFlag.values()) for (const { count } of misses) sum += count;
    return sum;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Takes what was counted. */
  drain(): readonly Exposure[] {
    const exposures = [...this.#byFlag].flatMap(([flag, misses]) =>
      misses.map(({ evaluation, fallback, count }) => exposureOf(flag, evaluation, fallback, count)),
    );
    this.#byFlag.clear();
    this.#size = 0;
    this.#dropped = 0;
    return exposures;
  }

  #missesOf(flag: string): Miss[] | undefined {
    const known = this.#byFlag.get(flag);
    if (known !== undefined) return known;
    if (this.#size >= this.#missesMax) return undefined;
    const misses: Miss[] = [];
    this.#byFlag.set(flag, misses);
    return misses;
  }
}
