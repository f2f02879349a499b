import type { JsonValue, Metadata } from './definition.ts';

/** Why a value was served, in the order in which an evaluation decides (SPEC.md, E1). */
export const REASONS = [
  'KILLED',
  'OFF',
  'PREREQUISITE_FAILED',
  'TARGET_MATCH',
  'RULE_MATCH',
  'SPLIT',
  'FALLTHROUGH',
  'ERROR',
] as const;
export type Reason = (typeof REASONS)[number];

/** What went wrong when the reason is `ERROR`. */
export const EVALUATION_ERRORS = [
  /** No flag of that key in the snapshot: the fallback is served. */
  'FLAG_NOT_FOUND',
  /** Nothing was ever received and there is no cache or bootstrap: the fallback is served. */
  'NOT_READY',
  /** The caller asked for another type than the flag's: the fallback is served. */
  'TYPE_MISMATCH',
  /** A rollout in the fallthrough found no value to bucket by: the off variation is served. */
  'TARGETING_KEY_MISSING',
  /** The definition uses an operator, condition or algorithm that this build does not know: off variation. */
  'UNSUPPORTED',
  /** The definition contradicts itself, or needs an object that is absent: off variation or fallback. */
  'INVALID_DEFINITION',
] as const;
export type EvaluationErrorCode = (typeof EVALUATION_ERRORS)[number];

/**
 * The answer to "what does this flag serve to this context?".
 *
 * Evaluations are immutable and shared: every answer that a flag can give is made once, when its definition
 * is compiled, so an evaluation allocates nothing.
 */
export interface Evaluation {
  /** `undefined` means: no value, the caller's fallback counts. */
  readonly value: JsonValue | undefined;
  /** `null` where no variation was chosen. */
  readonly variation: string | null;
  readonly reason: Reason;
  /** The rule that decided, also when its serve was a split. */
  readonly ruleId?: string;
  /** Only with reason `ERROR`. */
  readonly errorCode?: EvaluationErrorCode;
  /** The version of the flag's definition; 0 when there is none. */
  readonly revision: number;
  readonly metadata?: Metadata;
  /** Whether the flag has no prerequisites, targets, rules or split, so that everybody gets the same. */
  readonly isStatic: boolean;
}
