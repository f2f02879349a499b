import type { CompiledFlag, PreparedEvaluation } from '@dimmer/evaluator';
import type { EvaluationContext, EvaluationErrorCode } from '@dimmer/schema';
import type { Exposure, FallbackLabel } from './exposure.ts';
import { exposureOf, labelOf } from './exposure.ts';

/** Counts per evaluation slot. Floating point, because a 32-bit count could wrap between two reports. */
type Counts = Float64Array;

/** No fallback was seen yet; no caller can give this one. */
const UNSEEN: unique symbol = Symbol('unseen');

/** A flag that is being served, with how often it gave each of its answers. */
export class LiveFlag {
  readonly flag: CompiledFlag;
  readonly isJson: boolean;
  /** Every answer of the flag, and two of the SDK's own. The index is the slot. */
  readonly #answers: readonly PreparedEvaluation[];
  readonly #failed: PreparedEvaluation;
  readonly #mismatch: PreparedEvaluation;
  readonly #fallbacksMax: number;
  /** The fallback that callers give, usually always the same one, and its counts. */
  #usual: unknown = UNSEEN;
  #counts: Counts;
  #others: Map<FallbackLabel, Counts> | undefined;
  #dropped = 0;

  /** @param fallbacksMax - Fallbacks beside the usual one that are told apart. */
  constructor(flag: CompiledFlag, fallbacksMax: number) {
    const slots = flag.evaluations.length;
    Object.freeze(flag.definition?.metadata);
    this.flag = flag;
    this.isJson = flag.definition?.type === 'json';
    this.#failed = errorOf(flag, 'UNSUPPORTED', slots);
    this.#mismatch = errorOf(flag, 'TYPE_MISMATCH', slots + 1);
    this.#answers = [...flag.evaluations, this.#failed, this.#mismatch];
    this.#fallbacksMax = fallbacksMax;
    this.#counts = new Float64Array(slots + 2);
  }

  /** The answer to a caller who wants another type than the flag's. */
  get mismatch(): PreparedEvaluation {
    return this.#mismatch;
  }

  /** Never throws, whatever the context does when it is read. */
  evaluate(context: EvaluationContext): PreparedEvaluation {
    try {
      return this.flag.evaluate(context);
    } catch {
      return this.#failed;
    }
  }

  /** One more of this answer. */
  count(slot: number, fallback: unknown): void {
    if (fallback === this.#usual) {
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    } else {
      this.#countUnusual(slot, fallback);
    }
  }

  /** How many were counted since the last report. */
  get counted(): number {
    let sum = total(this.#counts);
    for (const counts of this.#others?.values() ?? []) sum += total(counts);
    return sum;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Takes what was counted. */
  drain(): readonly Exposure[] {
    const exposures: Exposure[] = [];
    if (this.#usual !== UNSEEN) this.#take(labelOf(this.#usual), this.#counts, exposures);
    for (const [label, counts] of this.#others ?? []) this.#take(label, counts, exposures);
    this.#others = undefined;
    this.#dropped = 0;
    return exposures;
  }

  #take(label: FallbackLabel, counts: Counts, into: Exposure[]): void {
    for (const [slot, answer] of this.#answers.entries()) {
      const count = counts[slot] ?? 0;
      if (count > 0) into.push(exposureOf(this.flag.key, answer, label, count));
    }
    counts.fill(0);
  }

  #countUnusual(slot: number, fallback: unknown): void {
    const label = labelOf(fallback);
    if (this.#usual === UNSEEN || labelOf(this.#usual) === label) {
      this.#usual = fallback;
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
      return;
    }
    this.#others ??= new Map();
    let counts = this.#others.get(label);
    if (counts === undefined) {
      if (this.#others.size >= this.#fallbacksMax) {
        this.#dropped += 1;
        return;
      }
      counts = new Float64Array(this.#answers.length);
      this.#others.set(label, counts);
    }
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
}

function errorOf(flag: CompiledFlag, errorCode: EvaluationErrorCode, slot: number): PreparedEvaluation {
  const metadata = flag.definition?.metadata;
  return Object.freeze({
    value: undefined,
    variation: null,
    reason: 'ERROR',
    errorCode,
    revision: flag.evaluations[0]?.revision ?? 0,
    isStatic: false,
    slot,
    ...(metadata !== undefined && { metadata }),
  });
}

function total(counts: Counts): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
