import { REASONS } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { openFeatureReason } from './open-feature-reason.ts';

test('[E7] every reason has one in the words of OpenFeature', () => {
  expect(REASONS.map((reason) => [reason, openFeatureReason({ reason, isStatic: false })])).toEqual([
    ['KILLED', 'DISABLED'],
    ['OFF', 'DISABLED'],
    ['PREREQUISITE_FAILED', 'DISABLED'],
    ['TARGET_MATCH', 'TARGETING_MATCH'],
    ['RULE_MATCH', 'TARGETING_MATCH'],
    ['SPLIT', 'SPLIT'],
    ['FALLTHROUGH', 'DEFAULT'],
    ['ERROR', 'ERROR'],
  ]);
});

test('[E7] a fallthrough is static where everybody gets the same', () => {
  expect(openFeatureReason({ reason: 'FALLTHROUGH', isStatic: true })).toBe('STATIC');
  expect(openFeatureReason({ reason: 'OFF', isStatic: true })).toBe('DISABLED');
});
