import { buildRuleset, explain } from '@dimmer/evaluator';
import type { EvaluationContext, FlagDefinition, JsonValue } from '@dimmer/schema';
import { openFeatureReason } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodedAnswers } from './encoded-answers.ts';

const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
const variation = fc.constantFrom('one', 'other');
const rollout = (by: string) =>
  ({
    by,
    algorithm: 'murmur3-100k',
    seed: 7,
    ranges: [
      [0, 50_000, 'one'],
      [50_000, 100_000, 'other'],
    ],
  }) as const;
const serve = fc.oneof(
  variation.map((name) => ({ variation: name })),
  fc.constantFrom('targetingKey', 'plan').map((by) => ({ rollout: rollout(by) })),
);

/** What every definition has. */
const REQUIRED = [
  'kind',
  'key',
  'version',
  'type',
  'variations',
  'enabled',
  'offVariation',
  'prerequisites',
  'targets',
  'rules',
  'fallthrough',
] as const;

const definitions: fc.Arbitrary<FlagDefinition> = fc.record(
  {
    kind: fc.constant('flag' as const),
    key: fc.constant('any'),
    version: fc.nat(),
    type: fc.constant('json' as const),
    variations: fc.record({ one: fc.record({ value: json }), other: fc.record({ value: json }) }),
    enabled: fc.boolean(),
    killed: fc.constant(true as const),
    offVariation: fc.option(variation),
    prerequisites: fc.constantFrom([], [{ flag: 'absent', variation: 'on' }]),
    targets: fc.array(
      fc.record({ variation, by: fc.constant('targetingKey'), values: fc.constant(['u1']) }),
      {
        maxLength: 1,
      },
    ),
    rules: fc.array(
      fc.record({
        id: fc.constant('rule'),
        when: fc.constant({ attribute: 'plan', op: 'in', values: ['pro'] } as const),
        serve,
      }),
      { maxLength: 1 },
    ),
    fallthrough: serve,
    metadata: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.integer())),
  },
  { noNullPrototype: true, requiredKeys: [...REQUIRED] },
);

const contexts: fc.Arbitrary<EvaluationContext> = fc.record(
  { targetingKey: fc.constantFrom('u1', 'u2', 'u3'), plan: fc.constantFrom('pro', 'free') },
  { requiredKeys: [], noNullPrototype: true },
);

test('[OF3, OF4, OF5] an answer says what an explanation says, of any flag to any context', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(definitions, contexts, (definition, context) => {
      const ruleset = buildRuleset([definition]);
      const flag = ruleset.flags.get('any');
      if (flag === undefined) throw new Error('the flag is not in its ruleset');
      const { evaluation } = explain(ruleset, 'any', context);
      const { status, body } = encodedAnswers()(flag, flag.evaluate(context));
      const { errorDetails: _, ...answer } = JSON.parse(body);
      seen.add(evaluation.reason);
      const facts = evaluation.metadata === undefined ? {} : { metadata: evaluation.metadata };
      if (evaluation.reason === 'ERROR') {
        const errorCode = {
          TARGETING_KEY_MISSING: 'TARGETING_KEY_MISSING',
          INVALID_DEFINITION: 'PARSE_ERROR',
        };
        expect(status).toBe(400);
        expect(answer).toEqual({
          key: 'any',
          errorCode: errorCode[evaluation.errorCode as keyof typeof errorCode],
          ...JSON.parse(JSON.stringify(facts)),
        });
        return;
      }
      const value = evaluation.value ?? undefined;
      const expected = {
        key: 'any',
        ...(value !== undefined && { value }),
        ...(evaluation.variation !== null && { variant: evaluation.variation }),
        reason: openFeatureReason(evaluation),
        ...facts,
      };
      expect(status).toBe(200);
      expect(answer).toEqual(JSON.parse(JSON.stringify(expected)));
    }),
    // So many that each reason is met: one in a few hundred is of a rule that matches.
    { numRuns: 4_000 },
  );
  expect([...seen].sort()).toEqual([
    'ERROR',
    'FALLTHROUGH',
    'KILLED',
    'OFF',
    'RULE_MATCH',
    'SPLIT',
    'TARGET_MATCH',
  ]);
});

test('[OF3] the JSON of an answer is made once, and again when its flag changes', () => {
  const definition: FlagDefinition = {
    kind: 'flag',
    key: 'any',
    version: 1,
    type: 'boolean',
    variations: { on: { value: true } },
    enabled: true,
    offVariation: null,
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'on' },
  };
  const encode = encodedAnswers();
  const answerOf = (objects: readonly FlagDefinition[]) => {
    const flag = buildRuleset(objects).flags.get('any');
    if (flag === undefined) throw new Error('the flag is not in its ruleset');
    return [encode(flag, flag.evaluate({})), encode(flag, flag.evaluate({ targetingKey: 'u' }))];
  };
  const [first, second] = answerOf([definition]);
  expect(second).toBe(first);
  expect(answerOf([{ ...definition, enabled: false }])[0]?.body).toBe('{"key":"any","reason":"DISABLED"}');
});
