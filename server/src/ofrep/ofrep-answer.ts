import type { Evaluation, EvaluationErrorCode, JsonValue, Metadata, OpenFeatureReason } from '@dimmer/schema';
import { openFeatureReason } from '@dimmer/schema';

/** The error codes that OFREP names. */
export type OfrepErrorCode =
  | 'FLAG_NOT_FOUND'
  | 'GENERAL'
  | 'INVALID_CONTEXT'
  | 'PARSE_ERROR'
  | 'TARGETING_KEY_MISSING';

/** A flag that was evaluated. Without a `value` the caller's own default counts. */
export interface OfrepEvaluation {
  readonly key: string;
  readonly value?: JsonValue;
  readonly variant?: string;
  readonly reason: OpenFeatureReason;
  readonly metadata?: Metadata;
}

/** A flag that could not be evaluated. */
export interface OfrepFailure {
  readonly key: string;
  readonly errorCode: OfrepErrorCode;
  /** For a person. */
  readonly errorDetails: string;
  readonly metadata?: Metadata;
}

/**
 * An evaluation in the words of OFREP 0.3. Neither rules nor rule ids are in it.
 *
 * A JSON `null` is answered without a `value`, as the protocol has no null: the caller's default counts.
 *
 * @param key - The flag's.
 * @returns A failure where the reason is `ERROR`.
 * @see https://github.com/open-feature/protocol
 * @example ofrepAnswerOf('checkout-v2', flag.evaluate({ targetingKey: 'user-1' }))
 */
export function ofrepAnswerOf(key: string, evaluation: Evaluation): OfrepEvaluation | OfrepFailure {
  const { value, variation, errorCode, metadata } = evaluation;
  const facts = metadata === undefined ? {} : { metadata };
  if (errorCode !== undefined) return { key, ...FAILURES[errorCode], ...facts };
  return {
    key,
    ...(value !== undefined && value !== null && { value }),
    ...(variation !== null && { variant: variation }),
    reason: openFeatureReason(evaluation),
    ...facts,
  };
}

const FAILURES: Readonly<Record<EvaluationErrorCode, Omit<OfrepFailure, 'key'>>> = {
  FLAG_NOT_FOUND: { errorCode: 'FLAG_NOT_FOUND', errorDetails: 'There is no such flag.' },
  TARGETING_KEY_MISSING: {
    errorCode: 'TARGETING_KEY_MISSING',
    errorDetails: 'A rollout needs an attribute that the context lacks, mostly the targeting key.',
  },
  UNSUPPORTED: {
    errorCode: 'GENERAL',
    errorDetails: 'The flag uses something that this server does not know yet.',
  },
  INVALID_DEFINITION: {
    errorCode: 'PARSE_ERROR',
    errorDetails: 'The definition of the flag contradicts itself.',
  },
  NOT_READY: { errorCode: 'GENERAL', errorDetails: 'There are no flags yet.' },
  TYPE_MISMATCH: { errorCode: 'GENERAL', errorDetails: 'The flag has values of another type.' },
};
