import type { Evaluation, EvaluationErrorCode, Reason } from '@dimmer/schema';

/** A fallback as exposures tell it apart: objects are all the same. */
export type FallbackLabel = string | number | boolean | null | undefined;

/** Stands for every fallback that is an object. */
const OBJECT_FALLBACK = '(json)';

/** Evaluations of one flag with the same answer and the same fallback, counted. */
export interface Exposure {
  readonly flag: string;
  readonly variation: string | null;
  readonly reason: Reason;
  readonly errorCode?: EvaluationErrorCode;
  readonly ruleId?: string;
  /** The version of the definition that answered. */
  readonly revision: number;
  readonly fallback: FallbackLabel;
  readonly count: number;
}

export function labelOf(fallback: unknown): FallbackLabel {
  switch (typeof fallback) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return fallback;
    default:
      return fallback === null ? null : OBJECT_FALLBACK;
  }
}

export function exposureOf(
  flag: string,
  evaluation: Evaluation,
  fallback: FallbackLabel,
  count: number,
): Exposure {
  const { variation, reason, errorCode, ruleId, revision } = evaluation;
  return {
    flag,
    variation,
    reason,
    ...(errorCode !== undefined && { errorCode }),
    ...(ruleId !== undefined && { ruleId }),
    revision,
    fallback,
    count,
  };
}
