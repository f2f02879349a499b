import { ConfigurationInput, FlagInput, PageQuery, RevertInput, SegmentInput } from '@dimmer/schema/rest';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
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

const members = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, value]));
const condition = { id: 'r', when: { segment: 'a' }, serve: { variation: 'on' } };

test.each([
  ['a text', SegmentInput, { key: 'a', name: 'a'.repeat(201) }, '$.name', 'characters', 201, 200],
  ['a key', SegmentInput, { key: 'a'.repeat(101) }, '$.key', 'characters', 101, 100],
  [
    'a subject',
    SegmentInput,
    { key: 'a', included: ['a'.repeat(2_500)] },
    '$.included[0]',
    'characters',
    2_500,
    2_000,
  ],
  ['a list', SegmentInput, { key: 'a', tags: Array(51).fill('a') }, '$.tags', 'entries', 51, 50],
  [
    'a list of rules',
    ConfigurationInput,
    { ...configuration, rules: Array(120).fill(condition) },
    '$.rules',
    'entries',
    120,
    100,
  ],
  [
    'a number',
    FlagInput,
    { key: 'a', expectedLifetimeDays: 4_000 },
    '$.expectedLifetimeDays',
    'value',
    4_000,
    3_650,
  ],
  ['a number in a query', PageQuery, { limit: '900' }, '$.limit', 'value', 900, 500],
  ['metadata', FlagInput, { key: 'a', metadata: members(60, 'x') }, '$.metadata', 'metadataEntries', 60, 50],
  [
    'variations',
    FlagInput,
    { key: 'a', variations: members(70, { value: true }) },
    '$.variations',
    'variationsPerFlag',
    70,
    50,
  ],
  [
    'a name',
    FlagInput,
    { key: 'a', metadata: { ['b'.repeat(130)]: 1 } },
    `$.metadata.${'b'.repeat(130)}`,
    'characters',
    130,
    100,
  ],
])(
  '[A52] %s that is too much is named with both figures (BAD-2)',
  (_, schema, input, path, name, current, maximum) => {
    const [issue, ...others] = issuesOf(schema.safeParse(input).error ?? new z.ZodError([]), input, '$');
    expect(issue).toMatchObject({ path, limit: { name, current, maximum } });
    expect(issue?.message).toMatch(new RegExp(`at most ${maximum}\\b|to ${maximum}\\b`));
    expect(issue?.message).toContain(`not ${current}`);
    expect(others).toEqual([]);
  },
);

test('[A52] what is too few has no figures of a limit', () => {
  const [issue] = issuesOf(
    FlagInput.safeParse({ key: 'a', variations: {} }).error ?? new z.ZodError([]),
    {},
    '$',
  );
  expect(issue).toEqual(expect.not.objectContaining({ limit: expect.anything() }));
});

test('[A52] of a megabyte nothing is echoed', () => {
  const megabyte = 'm'.repeat(1_000_000);
  for (const input of [
    { key: megabyte },
    { key: 'a', [megabyte]: 1 },
    { key: 'a', metadata: { [megabyte]: 1 } },
  ]) {
    const { error } = FlagInput.safeParse(input);
    expect(JSON.stringify(issuesOf(error ?? new z.ZodError([]), input, '$')).length).toBeLessThan(2_000);
  }
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
