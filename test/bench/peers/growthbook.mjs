import { GrowthBookClient } from '@growthbook/growthbook';
import {
  ADULT_AGE,
  NORDICS,
  ROLLOUT_PERCENT,
  SENIOR_AGE,
  SPLIT_PERCENT,
  STAFF_SUFFIX,
} from '../evaluation/workload.mjs';

/**
 * GrowthBook's client for servers, given its payload in one synchronous call. The tracking callback does
 * nothing: GrowthBook counts only through it, and only experiments, so this is the least that it can cost.
 */
export async function createGrowthBook() {
  const client = new GrowthBookClient({ trackingCallback: () => {} });
  client.initSync({ payload: { features: { banner, checkout, pricing } } });
  return {
    name: '@growthbook/growthbook',
    contextOf: ({ key, ...attributes }) => ({ attributes: { id: key, ...attributes } }),
    flags: flagsOf(client),
    close: () => client.destroy(),
  };
}

function flagsOf(client) {
  return {
    banner: {
      serve: (context) => client.isOn('banner', context),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (client.isOn('banner', context)) on += 1;
        return on;
      },
    },
    checkout: {
      serve: (context) => client.isOn('checkout', context),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (client.isOn('checkout', context)) on += 1;
        return on;
      },
    },
    pricing: {
      serve: (context) => client.getFeatureValue('pricing', '', context),
      run(contexts) {
        let alpha = 0;
        for (const context of contexts)
          if (client.getFeatureValue('pricing', '', context) === 'alpha') alpha += 1;
        return alpha;
      },
    },
  };
}

const banner = { defaultValue: true };

const checkout = {
  defaultValue: false,
  rules: [{ id: 'rollout', force: true, coverage: ROLLOUT_PERCENT / 100, hashAttribute: 'id' }],
};

const pricing = {
  defaultValue: 'alpha',
  rules: [
    { id: 'nordics', condition: { country: { $in: NORDICS } }, force: 'alpha' },
    { id: 'staff', condition: { email: { $regex: `${STAFF_SUFFIX.replace('.', '\\.')}$` } }, force: 'beta' },
    { id: 'senior-pro', condition: { plan: 'pro', age: { $gte: SENIOR_AGE } }, force: 'gamma' },
    { id: 'minor', condition: { age: { $lt: ADULT_AGE } }, force: 'beta' },
    { id: 'enterprise', condition: { plan: 'enterprise' }, force: 'alpha' },
    {
      id: 'split',
      key: 'pricing',
      hashAttribute: 'id',
      hashVersion: 2,
      seed: 'pricing',
      variations: Object.keys(SPLIT_PERCENT),
      weights: Object.values(SPLIT_PERCENT).map((percent) => percent / 100),
    },
  ],
};
