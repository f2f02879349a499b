import type { Evaluation, EvaluationErrorCode, Reason } from './evaluation.ts';

/** The reasons of OpenFeature that Dimmer answers with. */
export type OpenFeatureReason = 'STATIC' | 'DEFAULT' | 'TARGETING_MATCH' | 'SPLIT' | 'DISABLED' | 'ERROR';

/** The error codes of OpenFeature that Dimmer answers with. */
export type OpenFeatureErrorCode =
  | 'FLAG_NOT_FOUND'
  | 'GENERAL'
  | 'PARSE_ERROR'
  | 'PROVIDER_NOT_READY'
  | 'TARGETING_KEY_MISSING'
  | 'TYPE_MISMATCH';

/**
 * The reason of an evaluation in OpenFeature's words.
 *
 * @see https://openfeature.dev/specification/types#resolution-reason
 * @example openFeatureReason({ reason: 'KILLED', isStatic: false }) // 'DISABLED'
 */
export function openFeatureReason({
  reason,
  isStatic,
}: Pick<Evaluation, 'reason' | 'isStatic'>): OpenFeatureReason {
  return reason === 'FALLTHROUGH' && isStatic ? 'STATIC' : reasons[reason];
}

/**
 * The error code of an evaluation in OpenFeature's words.
 *
 * @see https://openfeature.dev/specification/types#error-code
 * @example openFeatureErrorCode('NOT_READY') // 'PROVIDER_NOT_READY'
 */
export function openFeatureErrorCode(code: EvaluationErrorCode): OpenFeatureErrorCode {
  return errorCodes[code];
}

const reasons: Readonly<Record<Reason, OpenFeatureReason>> = {
  KILLED: 'DISABLED',
  OFF: 'DISABLED',
  PREREQUISITE_FAILED: 'DISABLED',
  TARGET_MATCH: 'TARGETING_MATCH',
  RULE_MATCH: 'TARGETING_MATCH',
  SPLIT: 'SPLIT',
  FALLTHROUGH: 'DEFAULT',
  ERROR: 'ERROR',
};

const errorCodes: Readonly<Record<EvaluationErrorCode, OpenFeatureErrorCode>> = {
  FLAG_NOT_FOUND: 'FLAG_NOT_FOUND',
  NOT_READY: 'PROVIDER_NOT_READY',
  TYPE_MISMATCH: 'TYPE_MISMATCH',
  TARGETING_KEY_MISSING: 'TARGETING_KEY_MISSING',
  UNSUPPORTED: 'GENERAL',
  INVALID_DEFINITION: 'PARSE_ERROR',
};
