import type { Evaluation, Reason } from '@dimmer/schema';

/** The reasons of OpenFeature that Dimmer answers with. */
export type OpenFeatureReason = 'STATIC' | 'DEFAULT' | 'TARGETING_MATCH' | 'SPLIT' | 'DISABLED' | 'ERROR';

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
