import { Dimmer } from '@dimmer/node';
import { digestOfAll } from '@dimmer/schema';
import { ADULT_AGE, NORDICS, ROLLOUT_PERCENT, SENIOR_AGE, SPLIT_PERCENT, STAFF_SUFFIX } from './workload.mjs';

const BUCKETS_PER_PERCENT = 1000;

/** @dimmer/node as it is published, with exposures counted; from a bootstrap, its server never answers. */
export async function createDimmer() {
  const client = new Dimmer({
    url: 'http://127.0.0.1:4400',
    key: `dim_srv_${'0'.repeat(32)}`,
    bootstrap: snapshotOf([banner, checkout, pricing]),
    cache: false,
    fetch: () => new Promise(() => {}),
  });
  return {
    name: '@dimmer/node',
    contextOf: ({ key, ...attributes }) => ({ targetingKey: key, ...attributes }),
    flags: flagsOf(client),
    close: () => client.close(),
  };
}

function flagsOf(client) {
  return {
    banner: {
      serve: (context) => client.boolean('banner', context, false),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (client.boolean('banner', context, false)) on += 1;
        return on;
      },
    },
    checkout: {
      serve: (context) => client.boolean('checkout', context, false),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (client.boolean('checkout', context, false)) on += 1;
        return on;
      },
    },
    pricing: {
      serve: (context) => client.string('pricing', context, ''),
      run(contexts) {
        let alpha = 0;
        for (const context of contexts) if (client.string('pricing', context, '') === 'alpha') alpha += 1;
        return alpha;
      },
    },
  };
}

const snapshotOf = (objects) => ({
  protocol: 1,
  epoch: 'bench',
  revision: 1,
  digest: digestOfAll(objects),
  committedAt: '2026-01-01T00:00:00.000Z',
  objects,
});

const ON_OFF = { on: { value: true }, off: { value: false } };

const flag = (key, type, variations, rules, fallthrough) => ({
  kind: 'flag',
  key,
  version: 1,
  type,
  variations,
  enabled: true,
  offVariation: Object.keys(variations)[0],
  prerequisites: [],
  targets: [],
  rules,
  fallthrough,
});

/** Percents by variation, as the ranges that the server sends. */
function split(percents) {
  let start = 0;
  const ranges = Object.entries(percents).map(([variation, percent]) => {
    const range = [start, start + percent * BUCKETS_PER_PERCENT, variation];
    start = range[1];
    return range;
  });
  return { rollout: { by: 'targetingKey', algorithm: 'murmur3-100k', seed: 2_463_534_242, ranges } };
}

const rule = (id, variation, when) => ({ id, when, serve: { variation } });
const is = (attribute, op, ...values) => ({ attribute, op, values });

const banner = flag('banner', 'boolean', ON_OFF, [], { variation: 'on' });
const checkout = flag(
  'checkout',
  'boolean',
  ON_OFF,
  [],
  split({ on: ROLLOUT_PERCENT, off: 100 - ROLLOUT_PERCENT }),
);
const pricing = flag(
  'pricing',
  'string',
  { alpha: { value: 'alpha' }, beta: { value: 'beta' }, gamma: { value: 'gamma' } },
  [
    rule('nordics', 'alpha', is('country', 'in', ...NORDICS)),
    rule('staff', 'beta', is('email', 'endsWith', STAFF_SUFFIX)),
    rule('senior-pro', 'gamma', { all: [is('plan', 'in', 'pro'), is('age', 'gte', SENIOR_AGE)] }),
    rule('minor', 'beta', is('age', 'lt', ADULT_AGE)),
    rule('enterprise', 'alpha', is('plan', 'in', 'enterprise')),
  ],
  split(SPLIT_PERCENT),
);
