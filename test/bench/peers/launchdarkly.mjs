import { basicLogger, init } from '@launchdarkly/node-server-sdk';
import { TestData } from '@launchdarkly/node-server-sdk/integrations';
import {
  ADULT_AGE,
  NORDICS,
  ROLLOUT_PERCENT,
  SENIOR_AGE,
  SPLIT_PERCENT,
  STAFF_SUFFIX,
} from '../evaluation/workload.mjs';

/**
 * LaunchDarkly's Node server SDK on its own test data source, which holds full definitions in memory. Events
 * are off, which is faster than its default: with them on, every call also builds an event.
 */
export async function createLaunchDarkly() {
  const testData = new TestData();
  for (const flag of [banner, checkout, pricing]) await testData.usePreconfiguredFlag(flag);
  const client = init('bench', {
    updateProcessor: testData.getFactory(),
    sendEvents: false,
    diagnosticOptOut: true,
    logger: basicLogger({ level: 'error' }),
  });
  await client.waitForInitialization({ timeout: 10 });
  return {
    name: '@launchdarkly/node-server-sdk',
    contextOf: (user) => ({ kind: 'user', ...user }),
    flags: flagsOf(client),
    close: () => client.close(),
  };
}

/** The SDK answers through promises only, so every call is awaited, as in an application. */
function flagsOf(client) {
  return {
    banner: {
      serve: (context) => client.variation('banner', context, false),
      async run(contexts) {
        let on = 0;
        for (const context of contexts) if (await client.variation('banner', context, false)) on += 1;
        return on;
      },
    },
    checkout: {
      serve: (context) => client.variation('checkout', context, false),
      async run(contexts) {
        let on = 0;
        for (const context of contexts) if (await client.variation('checkout', context, false)) on += 1;
        return on;
      },
    },
    pricing: {
      serve: (context) => client.variation('pricing', context, ''),
      async run(contexts) {
        let alpha = 0;
        for (const context of contexts)
          if ((await client.variation('pricing', context, '')) === 'alpha') alpha += 1;
        return alpha;
      },
    },
  };
}

const flag = (key, variations, rules, fallthrough) => ({
  key,
  version: 1,
  on: true,
  salt: key,
  variations,
  offVariation: 0,
  targets: [],
  prerequisites: [],
  rules,
  fallthrough,
});

/** Weights are in thousandths of a percent. */
const split = (percents) => ({
  rollout: {
    contextKind: 'user',
    variations: percents.map((percent, variation) => ({ variation, weight: percent * 1000 })),
  },
});

const clause = (attribute, op, ...values) => ({ contextKind: 'user', attribute, op, values, negate: false });

const rule = (id, variation, ...clauses) => ({ id, variation, clauses, trackEvents: false });

const banner = flag('banner', [false, true], [], { variation: 1 });
const checkout = flag('checkout', [false, true], [], split([100 - ROLLOUT_PERCENT, ROLLOUT_PERCENT]));
const pricing = flag(
  'pricing',
  Object.keys(SPLIT_PERCENT),
  [
    rule('nordics', 0, clause('country', 'in', ...NORDICS)),
    rule('staff', 1, clause('email', 'endsWith', STAFF_SUFFIX)),
    rule('senior-pro', 2, clause('plan', 'in', 'pro'), clause('age', 'greaterThanOrEqual', SENIOR_AGE)),
    rule('minor', 1, clause('age', 'lessThan', ADULT_AGE)),
    rule('enterprise', 0, clause('plan', 'in', 'enterprise')),
  ],
  split(Object.values(SPLIT_PERCENT)),
);
