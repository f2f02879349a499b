import type { Evaluation } from '@dimmer/schema';
import type { Exposure } from './exposure.ts';
import type { LiveFlag } from './live-flag.ts';
import { MissingFlags } from './missing-flags.ts';

/** What was counted, with what could not be. */
export interface DrainedExposures {
  readonly exposures: readonly Exposure[];
  /** Evaluations that were too many to tell apart. */
  readonly dropped: number;
}

/**
 * All exposures of one instance until they are reported. Flags count for themselves; kept here are those that
 * were replaced, and those that never existed.
 */
export class Exposures {
  readonly #unreportedMax: number;
  readonly #missing: MissingFlags;
  /** Per flag that was replaced, what it counted: the flag itself, compiled, may be a thousand times as large. */
  #retired: (readonly Exposure[])[] = [];
  #dropped = 0;

  /** @param unreportedMax - Replaced flags, and flags that do not exist, that are kept. */
  constructor(unreportedMax: number) {
    this.#unreportedMax = unreportedMax;
    this.#missing = new MissingFlags(unreportedMax);
  }

  /** A flag that does not exist was asked for. */
  countMissing(flag: unknown, evaluation: Evaluation, fallback: unknown): void {
    this.#missing.count(flag, evaluation, fallback);
  }

  /** A flag is served no more; what it counted stays until the next report. */
  retire(flag: LiveFlag): void {
    this.#dropped += flag.dropped;
    const exposures = flag.drain();
    if (exposures.length === 0) return;
    if (this.#retired.length < this.#unreportedMax) this.#retired.push(exposures);
    else this.#dropped += countOf(exposures);
  }

  /** How many are counted and not reported, and how many were dropped. */
  totals(live: Iterable<LiveFlag>): { readonly counted: number; readonly dropped: number } {
    let counted = this.#missing.counted;
    let dropped = this.#dropped + this.#missing.dropped;
    for (const flag of live) {
      counted += flag.counted;
      dropped += flag.dropped;
    }
    for (const exposures of this.#retired) counted += countOf(exposures);
    return { counted, dropped };
  }

  /** Takes everything that was counted. */
  drain(live: Iterable<LiveFlag>): DrainedExposures {
    const flags = [...live];
    const { dropped } = this.totals(flags);
    const exposures = [
      ...flags.flatMap((flag) => flag.drain()),
      ...this.#retired.flat(),
      ...this.#missing.drain(),
    ];
    this.#retired = [];
    this.#dropped = 0;
    return { exposures, dropped };
  }
}

function countOf(exposures: readonly Exposure[]): number {
  return exposures.reduce((sum, { count }) => sum + count, 0);
}
