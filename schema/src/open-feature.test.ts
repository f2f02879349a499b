import { expect, test } from 'vitest';
import { EVALUATION_ERRORS, REASONS } from './evaluation.ts';
import { openFeatureErrorCode, openFeatureReason } from './open-feature.ts';

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

test('[E7] every error has a code of OpenFeature', () => {
  expect(EVALUATION_ERRORS.map((code) => [code, openFeatureErrorCode(code)])).toEqual([
    ['FLAG_NOT_FOUND', 'FLAG_NOT_FOUND'],
    ['NOT_READY', 'PROVIDER_NOT_READY'],
    ['TYPE_MISMATCH', 'TYPE_MISMATCH'],
    ['TARGETING_KEY_MISSING', 'TARGETING_KEY_MISSING'],
    ['UNSUPPORTED', 'GENERAL'],
    ['INVALID_DEFINITION', 'PARSE_ERROR'],
  ]);
});
