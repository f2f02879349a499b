import { FlagdCore } from '@openfeature/flagd-core';
import {
  ADULT_AGE,
  NORDICS,
  ROLLOUT_PERCENT,
  SENIOR_AGE,
  SPLIT_PERCENT,
  STAFF_SUFFIX,
} from '../evaluation/workload.mjs';

/**
 * The evaluator of flagd's in-process provider, called without the OpenFeature client around it, with compiled
 * targeting (its default). It counts nothing.
 */
export async function createFlagd() {
  const core = new FlagdCore();
  core.setConfigurations(JSON.stringify({ flags: { banner, checkout, pricing } }));
  return {
    name: '@openfeature/flagd-core',
    contextOf: ({ key, ...attributes }) => ({ targetingKey: key, ...attributes }),
    flags: flagsOf(core),
    close() {},
  };
}

function flagsOf(core) {
  return {
    banner: {
      serve: (context) => core.resolveBooleanEvaluation('banner', false, context).value,
      run(contexts) {
        let on = 0;
        for (const context of contexts)
          if (core.resolveBooleanEvaluation('banner', false, context).value) on += 1;
        return on;
      },
    },
    checkout: {
      serve: (context) => core.resolveBooleanEvaluation('checkout', false, context).value,
      run(contexts) {
        let on = 0;
        for (const context of contexts)
          if (core.resolveBooleanEvaluation('checkout', false, context).value) on += 1;
        return on;
      },
    },
    pricing: {
      serve: (context) => core.resolveStringEvaluation('pricing', '', context).value,
      run(contexts) {
        let alpha = 0;
        for (const context of contexts) {
          if (core.resolveStringEvaluation('pricing', '', context).value === 'alpha') alpha += 1;
        }
        return alpha;
      },
    },
  };
}

const attribute = (name) => ({ var: name });

const banner = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'on' };

const checkout = {
  state: 'ENABLED',
  variants: { on: true, off: false },
  defaultVariant: 'off',
  targeting: {
    fractional: [
      ['on', ROLLOUT_PERCENT],
      ['off', 100 - ROLLOUT_PERCENT],
    ],
  },
};

const pricing = {
  state: 'ENABLED',
  variants: { alpha: 'alpha', beta: 'beta', gamma: 'gamma' },
  defaultVariant: 'alpha',
  targeting: {
    if: [
      { in: [attribute('country'), NORDICS] },
      'alpha',
      { ends_with: [attribute('email'), STAFF_SUFFIX] },
      'beta',
      { and: [{ '==': [attribute('plan'), 'pro'] }, { '>=': [attribute('age'), SENIOR_AGE] }] },
      'gamma',
      { '<': [attribute('age'), ADULT_AGE] },
      'beta',
      { '==': [attribute('plan'), 'enterprise'] },
      'alpha',
      { fractional: Object.entries(SPLIT_PERCENT) },
    ],
  },
};
