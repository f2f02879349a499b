import type { Ruleset } from '@dimmer/evaluator';
import { buildRuleset, exposedFlagsOf, flagValueOf } from '@dimmer/evaluator';
import type { Snapshot, SnapshotSource } from '@dimmer/follower';
import type {
  Evaluation,
  EvaluationContext,
  FlagType,
  FlagValue,
  JsonValue,
  WireObject,
} from '@dimmer/schema';
import type { DrainedExposures } from './exposures.ts';
import { Exposures } from './exposures.ts';
import type { FlagDetail, FlagReader, Widened } from './flags.ts';
import { LiveFlag } from './live-flag.ts';
import { FLAG_NOT_FOUND, NOT_READY } from './missing-flags.ts';
import type { DimmerLimits } from './options.ts';

/** How fresh the snapshot is, for details. */
export interface Freshness {
  readonly ageMs: number | null;
  readonly source: SnapshotSource | null;
}

/** What a new snapshot brought. */
export interface TableChange {
  readonly before: Ruleset | undefined;
  readonly after: Ruleset;
  /** Flags whose answers may have changed, those that came and those that are gone. */
  readonly keys: readonly string[];
}

/** The flags that are being served: finds, evaluates, counts. One lookup leads to everything that a call needs. */
export class FlagTable implements FlagReader {
  readonly #limits: DimmerLimits;
  readonly #freshness: () => Freshness;
  readonly #exposures: Exposures;
  #live: ReadonlyMap<string, LiveFlag> = new Map();
  #ruleset: Ruleset | undefined;

  constructor(limits: DimmerLimits, freshness: () => Freshness) {
    this.#limits = limits;
    this.#freshness = freshness;
    this.#exposures = new Exposures(limits.unreportedFlagsMax);
  }

  boolean(key: string, context: EvaluationContext, fallback: boolean): boolean {
    const live = this.#live.get(key);
    if (live === undefined) return this.#missing(key, fallback);
    const evaluation = live.evaluate(context);
    const { value } = evaluation;
    if (typeof value !== 'boolean') return noValue(live, evaluation.slot, value, fallback);
    live.count(evaluation.slot, fallback);
    return value;
  }

  string(key: string, context: EvaluationContext, fallback: string): string {
    const live = this.#live.get(key);
    if (live === undefined) return this.#missing(key, fallback);
    const evaluation = live.evaluate(context);
    const { value } = evaluation;
    if (typeof value !== 'string') return noValue(live, evaluation.slot, value, fallback);
    live.count(evaluation.slot, fallback);
    return value;
  }

  number(key: string, context: EvaluationContext, fallback: number): number {
    const live = this.#live.get(key);
    if (live === undefined) return this.#missing(key, fallback);
    const evaluation = live.evaluate(context);
    const { value } = evaluation;
    if (typeof value !== 'number') return noValue(live, evaluation.slot, value, fallback);
    live.count(evaluation.slot, fallback);
    return value;
  }

  json<Value extends JsonValue>(key: string, context: EvaluationContext, fallback: Value): Value {
    const live = this.#live.get(key);
    if (live === undefined) return this.#missing(key, fallback);
    const evaluation = live.evaluate(context);
    const { value } = evaluation;
    if (value === undefined || !live.isJson) {
      return noValue(live, evaluation.slot, value, fallback);
    }
    live.count(evaluation.slot, fallback);
    return asExpected(value);
  }

  detail<Value extends JsonValue>(
    key: string,
    context: EvaluationContext,
    fallback: Value,
  ): FlagDetail<Widened<Value>> {
    return this.detailOf(this.evaluation(key, context, typeOf(fallback), fallback), fallback);
  }

  /** One counted evaluation; an answer of another type than the wanted one is an error. */
  evaluation(key: string, context: EvaluationContext, type: FlagType, fallback: JsonValue): Evaluation {
    const live = this.#live.get(key);
    if (live === undefined) {
      this.#missing(key, fallback);
      return this.#absent;
    }
    const answer = live.evaluate(context);
    const fits = answer.value === undefined || isOfType(live, answer.value, type);
    const evaluation = fits ? answer : live.mismatch;
    live.count(evaluation.slot, fallback);
    return evaluation;
  }

  detailOf<Value extends JsonValue>(evaluation: Evaluation, fallback: Value): FlagDetail<Widened<Value>> {
    const {
      value = fallback,
      variation,
      reason,
      errorCode,
      ruleId,
      revision,
      metadata,
      isStatic,
    } = evaluation;
    return {
      value: asExpected(value),
      variation,
      reason,
      ...(errorCode !== undefined && { errorCode }),
      ...(ruleId !== undefined && { ruleId }),
      revision,
      ...this.#freshness(),
      ...(metadata !== undefined && { metadata }),
      isStatic,
    };
  }

  /**
   * Serves a snapshot. Flags that are as before keep their counts; the swap is one assignment, so no call ever
   * sees half of a change.
   */
  replace(snapshot: Snapshot<WireObject>): TableChange {
    const before = this.#ruleset;
    const after = buildRuleset(snapshot.objects.values(), before);
    const previous = this.#live;
    const live = new Map<string, LiveFlag>();
    const keys: string[] = [];
    for (const [key, flag] of after.flags) {
      const known = previous.get(key);
      const same = known?.flag === flag;
      live.set(key, same ? known : new LiveFlag(flag, this.#limits.fallbacksPerFlagMax));
      if (!same) keys.push(key);
    }
    this.#live = live;
    this.#ruleset = after;
    for (const [key, flag] of previous) {
      if (live.get(key) !== flag) this.#exposures.retire(flag);
      if (!live.has(key)) keys.push(key);
    }
    return { before, after, keys: Object.freeze(keys) };
  }

  /** What a client key reads for a context. Nothing is counted: the page counts what it shows. */
  clientValues(context: EvaluationContext): readonly FlagValue[] {
    if (this.#ruleset === undefined) return [];
    return exposedFlagsOf(this.#ruleset).map((flag) => flagValueOf(flag, flag.evaluate(context)));
  }

  /** What was counted and is not reported yet. */
  exposures(): { readonly counted: number; readonly dropped: number } {
    return this.#exposures.totals(this.#live.values());
  }

  /** Takes what was counted, for a report. */
  drainExposures(): DrainedExposures {
    return this.#exposures.drain(this.#live.values());
  }

  get #absent(): Evaluation {
    return this.#ruleset === undefined ? NOT_READY : FLAG_NOT_FOUND;
  }

  #missing<Value>(key: unknown, fallback: Value): Value {
    this.#exposures.countMissing(key, this.#absent, fallback);
    return fallback;
  }
}

/** The type of flag that a fallback asks for. */
export function typeOf(fallback: JsonValue): FlagType {
  const type = typeof fallback;
  return type === 'boolean' || type === 'string' || type === 'number' ? type : 'json';
}

/** The one place where a caller's expectation is taken on trust: what a `json` flag holds is its own affair. */
export function asExpected<Value>(value: JsonValue): Value {
  return value as Value;
}

/** The flag has no value for this caller, or one of another type. */
function noValue<Value>(live: LiveFlag, slot: number, value: unknown, fallback: Value): Value {
  live.count(value === undefined ? slot : live.mismatch.slot, fallback);
  return fallback;
}

function isOfType(live: LiveFlag, value: JsonValue, type: FlagType): boolean {
  return type === 'json' ? live.isJson : typeof value === type;
}
