import { ConfigurationInput, FlagInput, RevertInput } from '@dimmer/schema/rest';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { jsonPathOf } from './json-path.ts';
import { issuesOf } from './validation-issues.ts';

const configuration = { enabled: true, offVariation: 'off', fallthrough: { variation: 'on' } };

const faultsOf = (schema: z.ZodType, input: unknown): string[] => {
  const parsed = schema.safeParse(input);
  return parsed.success
    ? []
    : issuesOf(parsed.error, input, '$').map(({ path, message }) => `${path} ${message}`);
};

test.each([
  [{ ...configuration, enabled: 'yes' }, ['$.enabled must be a boolean, not a string']],
  [{ ...configuration, enabled: undefined }, ['$.enabled is missing']],
  [{ ...configuration, fallthrough: null }, ['$.fallthrough must be of the form object']],
  [
    { ...configuration, fallthrough: {} },
    ['$.fallthrough must have one of these forms: {variation}, {rollout}'],
  ],
  [
    { ...configuration, fallthrough: { rollout: { weights: { on: 50.0001, off: 49.9999 } } } },
    [
      '$.fallthrough.rollout.weights.on must have at most three decimals',
      '$.fallthrough.rollout.weights.off must have at most three decimals',
    ],
  ],
  [{ ...configuration, a: 1, b: 2 }, ['$.a is not a field here', '$.b is not a field here']],
  [
    { ...configuration, rules: [{ id: 'r', when: { attribute: 'a' }, serve: { variation: 'on' } }] },
    [expect.stringMatching(/^\$\.rules\[0\]\.when\.op is missing$/)],
  ],
  [
    { ...configuration, rules: [{ id: 'r', when: { any: [{ segment: '' }] }, serve: { variation: 'on' } }] },
    [expect.stringMatching(/^\$\.rules\[0\]\.when\.any\[0\]\.segment must be a letter or digit/)],
  ],
])('[A44] a configuration is told its faults: %#', (input, faults) => {
  expect(faultsOf(ConfigurationInput, input)).toEqual(faults);
});

test('[A44] a name that is not acceptable is named', () => {
  const [fault] = faultsOf(FlagInput, { key: 'a', variations: { 'no good': { value: true } } });
  expect(fault).toMatch(/^\$\.variations\['no good'\] is not an acceptable name/);
});

test('[A44] a point that is neither revision nor time is told both', () => {
  expect(faultsOf(RevertInput, { to: 'yesterday' })).toEqual([
    '$.to must be a time as in 2026-11-21T09:30:00Z',
  ]);
  expect(faultsOf(RevertInput, { to: -1 })).toEqual(['$.to must be at least 0']);
});

test('[A44] any input at all is answered with a bounded list of complete issues', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (input) => {
      const parsed = ConfigurationInput.safeParse(input);
      if (parsed.success) return;
      const issues = issuesOf(parsed.error, input, '$');
      expect(issues.length).toBeGreaterThan(0);
      expect(issues.length).toBeLessThanOrEqual(50);
      for (const { path, rule, message, remedy } of issues) {
        expect(path).toMatch(/^\$/);
        expect([rule, message, remedy].every((text) => text.length > 0)).toBe(true);
      }
    }),
  );
});

test('[A44] paths are JSONPath, with unusual names in quotes', () => {
  expect(jsonPathOf(['rules', 0, 'in valid', "it's"])).toBe("$.rules[0]['in valid']['it\\'s']");
});
