import type { FlagDefinition, WireObject } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketOf } from './bucket.ts';
import { hostileContexts } from './context.arbitrary.ts';
import { environments } from './definition.arbitrary.ts';
import { explain } from './explain.ts';
import { buildRuleset, evaluate } from './ruleset.ts';

const checkout: FlagDefinition = {
  kind: 'flag',
  key: 'checkout-v2',
  version: 7,
  type: 'boolean',
  variations: { on: { value: true }, off: { value: false } },
  enabled: true,
  offVariation: 'off',
  prerequisites: [{ flag: 'new-cart', variation: 'on' }],
  targets: [{ variation: 'on', by: 'targetingKey', values: ['named'] }],
  rules: [
    {
      id: 'nordics',
      when: { attribute: 'country', op: 'in', values: ['NO'] },
      serve: {
        rollout: { by: 'account', algorithm: 'murmur3-100k', seed: 42, ranges: [[0, 100_000, 'on']] },
      },
    },
  ],
  fallthrough: { variation: 'off' },
};

const cart: FlagDefinition = {
  ...checkout,
  key: 'new-cart',
  prerequisites: [],
  targets: [],
  rules: [],
  fallthrough: { variation: 'on' },
};

function stepsOf(objects: readonly WireObject[], context: Record<string, unknown>): unknown[] {
  return explain(buildRuleset(objects), 'checkout-v2', context).steps.map(
    ({ step, outcome }) => `${step} ${outcome}`,
  );
}

test('[E80] an explanation has the evaluation that evaluating gives', () => {
  fc.assert(
    fc.property(environments, hostileContexts, (objects, { context }) => {
      const ruleset = buildRuleset(objects);
      for (const key of [...ruleset.flags.keys(), 'absent']) {
        const { evaluation, steps } = Reflect.apply(explain, undefined, [ruleset, key, context]);
        expect(evaluation).toBe(Reflect.apply(evaluate, undefined, [ruleset, key, context]));
        expect(steps.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 500 },
  );
});

test('[E80] the last step tells the reason of the evaluation', () => {
  const decidedBy: Readonly<Record<string, readonly string[]>> = {
    KILLED: ['killed failed'],
    OFF: ['enabled failed'],
    PREREQUISITE_FAILED: ['prerequisite failed'],
    TARGET_MATCH: ['target matched'],
    RULE_MATCH: ['rule matched'],
    SPLIT: ['rollout matched'],
    FALLTHROUGH: ['fallthrough matched'],
    ERROR: ['definition failed', 'rollout not matched'],
  };
  fc.assert(
    fc.property(environments, hostileContexts, (objects, { context }) => {
      const ruleset = buildRuleset(objects);
      for (const key of ruleset.flags.keys()) {
        const { evaluation, steps } = Reflect.apply(explain, undefined, [ruleset, key, context]);
        const last = steps.at(-1);
        expect(decidedBy[evaluation.reason]).toContain(`${last?.step} ${last?.outcome}`);
        expect(last?.ruleId).toBe(evaluation.ruleId);
      }
    }),
    { numRuns: 500 },
  );
});

test('[E80] every step that is taken is told, in order', () => {
  expect(stepsOf([checkout, cart], { targetingKey: 'x', country: 'SE' })).toEqual([
    'killed passed',
    'enabled passed',
    'prerequisite passed',
    'target not matched',
    'rule not matched',
    'fallthrough matched',
  ]);
  expect(stepsOf([checkout, { ...cart, enabled: false }], {})).toEqual([
    'killed passed',
    'enabled passed',
    'prerequisite failed',
  ]);
  expect(stepsOf([{ ...checkout, killed: true }, cart], {})).toEqual(['killed failed']);
  expect(stepsOf([checkout], {})).toEqual(['killed passed', 'enabled passed', 'definition failed']);
});

test('[E80] a rule whose rollout finds nothing to hash is told and passed over', () => {
  expect(stepsOf([checkout, cart], { country: 'NO' })).toEqual([
    'killed passed',
    'enabled passed',
    'prerequisite passed',
    'target not matched',
    'rule matched',
    'rollout not matched',
    'fallthrough matched',
  ]);
});

test('[E80] a rollout tells the bucket and the rule that it belongs to', () => {
  const ruleset = buildRuleset([checkout, cart]);
  const { steps } = explain(ruleset, 'checkout-v2', { country: 'NO', account: 7 });
  const bucket = bucketOf('7', 42);
  expect(steps.at(-1)).toEqual({
    step: 'rollout',
    outcome: 'matched',
    detail: `account "7" is in bucket ${bucket}, which gets "on".`,
    bucket,
    ruleId: 'nordics',
  });
});

test('[E80] a prerequisite tells what the other flag serves', () => {
  const { steps } = explain(buildRuleset([checkout, { ...cart, killed: true }]), 'checkout-v2', {});
  expect(steps.at(-1)).toEqual({
    step: 'prerequisite',
    outcome: 'failed',
    detail: 'Flag "new-cart" serves "off" (KILLED); "on" is required.',
    flag: 'new-cart',
  });
});

test('[E80] a flag that does not exist is told', () => {
  expect(explain(buildRuleset([]), 'checkout-v3', {}).steps).toEqual([
    { step: 'definition', outcome: 'failed', detail: 'There is no flag "checkout-v3".' },
  ]);
});
