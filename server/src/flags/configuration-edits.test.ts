import { movedBuckets } from '@dimmer/evaluator';
import { ConfigurationInput } from '@dimmer/schema/rest';
import { describe, expect, test } from 'vitest';
import {
  accept,
  configurationInput,
  flagInput,
  projectWith,
  refuse,
  split,
} from '../changes/project.arbitrary.ts';
import type { ProjectState } from '../environments/environment.ts';
import { patchConfiguration, putConfiguration } from './configuration-edits.ts';
import { configurationView } from './configuration-views.ts';
import { configuredFlagOf } from './find-flag.ts';
import { createFlag } from './flag-edits.ts';

const project = projectWith(
  createFlag(flagInput({ key: 'checkout' })),
  createFlag(flagInput({ key: 'other' })),
);
const put = (fields: object) => putConfiguration('production', 'checkout', configurationInput({ ...fields }));

function configured(state: ProjectState) {
  const found = configuredFlagOf(state, 'production', 'checkout');
  if (!found.ok) throw new Error(found.rejection.detail);
  return found.value;
}

function rolloutOf(state: ProjectState) {
  const { fallthrough } = configured(state).place.configuration;
  if (!('rollout' in fallthrough)) throw new Error('no rollout');
  return fallthrough.rollout;
}

describe('replacing fields', () => {
  test('[C20] a patch replaces, whole, the fields that it names', () => {
    const rules = [
      { id: 'r', when: { attribute: 'plan', op: 'in', values: ['pro'] }, serve: { variation: 'on' } },
    ];
    const state = accept(project, put({ rules })).after;
    const { after } = accept(state, patchConfiguration('production', 'checkout', { offVariation: null }));
    expect(configured(after).place.configuration).toMatchObject({ enabled: true, offVariation: null, rules });
  });

  test('[C20] what a GET answers with can be sent back and changes nothing', () => {
    const state = accept(project, put({ fallthrough: split(12.5) })).after;
    const view: unknown = JSON.parse(JSON.stringify(configurationView(configured(state))));
    const again = putConfiguration('production', 'checkout', ConfigurationInput.parse(view));
    expect(accept(state, again).changed).toBe(false);
  });

  test('[C2] a change in one environment makes a revision there and nowhere else', () => {
    expect(accept(project, put({})).revisions).toEqual({ production: 3 });
  });
});

describe('planning rollouts', () => {
  test('[C25] a new rollout draws a seed', () => {
    expect(rolloutOf(accept(project, put({ fallthrough: split(10) })).after)).toMatchObject({
      by: 'targetingKey',
      algorithm: 'murmur3-100k',
      seed: 1,
      weights: { on: 10, off: 90 },
    });
  });

  test('[C22] new weights without a seed keep the seed and move the fewest buckets', () => {
    const at10 = accept(project, put({ fallthrough: split(10, { seed: 77 }) })).after;
    const at25 = accept(at10, put({ fallthrough: split(25) })).after;
    expect(rolloutOf(at25).seed).toBe(77);
    expect(movedBuckets(rolloutOf(at10).ranges, rolloutOf(at25).ranges)).toBe(15_000);
    const back = accept(at25, put({ fallthrough: split(10) })).after;
    expect(rolloutOf(back)).toEqual(rolloutOf(at10));
  });

  test('[C22] a rule plans from the rule of the same id, wherever it stands', () => {
    const rule = (id: string, on: number) => ({ id, when: { all: [] }, serve: split(on) });
    const state = accept(project, put({ rules: [rule('a', 10), rule('b', 50)] })).after;
    const moved = accept(state, put({ rules: [rule('b', 50), rule('a', 10)] })).after;
    expect(configured(moved).place.configuration.rules).toEqual(
      configured(state).place.configuration.rules.toReversed(),
    );
  });

  test('[C23] given ranges are where the plan starts, and stay when they match the weights', () => {
    const ranges = [
      [0, 5000, 'off'],
      [5000, 15_000, 'on'],
      [15_000, 100_000, 'off'],
    ];
    const state = accept(project, put({ fallthrough: split(10, { seed: 5, ranges }) })).after;
    expect(rolloutOf(state)).toMatchObject({ seed: 5, ranges });
  });

  test('[C24] another seed plans afresh', () => {
    const state = accept(
      project,
      put({
        fallthrough: split(10, {
          seed: 5,
          ranges: [
            [0, 90_000, 'off'],
            [90_000, 100_000, 'on'],
          ],
        }),
      }),
    ).after;
    const afresh = accept(project, put({ fallthrough: split(10, { seed: 6 }) })).after;
    expect(rolloutOf(accept(state, put({ fallthrough: split(10, { seed: 6 }) })).after)).toEqual(
      rolloutOf(afresh),
    );
  });

  test('[C5] weights that plan to the same ranges are a change all the same', () => {
    const state = accept(project, put({ fallthrough: { rollout: { weights: { on: 100 }, seed: 1 } } })).after;
    const outcome = accept(state, put({ fallthrough: { rollout: { weights: { on: 100, off: 0 } } } }));
    expect(outcome.revisions).toEqual({ production: 4 });
    expect(outcome.commits[0]?.objects.map(({ key }) => key)).toEqual(['checkout']);
    expect(configured(outcome.after).place.version).toBe(4);
  });
});

describe('faults', () => {
  const serve = { variation: 'on' };
  const cases: readonly (readonly [string, object, string, string])[] = [
    ['the off variation', { offVariation: 'of' }, '$.offVariation', 'unknown-variation'],
    [
      'a target',
      { targets: [{ variation: 'x', values: ['u'] }] },
      '$.targets[0].variation',
      'unknown-variation',
    ],
    ['the fallthrough', { fallthrough: { variation: 'x' } }, '$.fallthrough.variation', 'unknown-variation'],
    [
      'weights',
      { fallthrough: { rollout: { weights: { 'a.b': 100 } } } },
      "$.fallthrough.rollout.weights['a.b']",
      'unknown-variation',
    ],
    [
      'ranges with a gap',
      {
        fallthrough: split(50, {
          ranges: [
            [0, 10, 'on'],
            [20, 100_000, 'off'],
          ],
        }),
      },
      '$.fallthrough.rollout.ranges',
      'ranges-cover',
    ],
    [
      'ranges of an unknown variation',
      { fallthrough: split(50, { ranges: [[0, 100_000, 'x']] }) },
      '$.fallthrough.rollout.ranges[0][2]',
      'unknown-variation',
    ],
    [
      'a rule',
      { rules: [{ id: 'r', when: { all: [] }, serve: { variation: 'x' } }] },
      '$.rules[0].serve.variation',
      'unknown-variation',
    ],
    [
      'a rule id twice',
      {
        rules: [
          { id: 'r', when: { all: [] }, serve },
          { id: 'r', when: { all: [] }, serve },
        ],
      },
      '$.rules[1].id',
      'repeated-rule-id',
    ],
    [
      'itself as prerequisite',
      { prerequisites: [{ flag: 'checkout', variation: 'on' }] },
      '$.prerequisites[0].flag',
      'prerequisite-cycle',
    ],
    [
      'a prerequisite twice',
      {
        prerequisites: [
          { flag: 'other', variation: 'on' },
          { flag: 'other', variation: 'off' },
        ],
      },
      '$.prerequisites[1].flag',
      'repeated-prerequisite',
    ],
    [
      'no values',
      { rules: [{ id: 'r', when: { not: { attribute: 'a', op: 'in' } }, serve }] },
      '$.rules[0].when.not.values',
      'values-required',
    ],
    [
      'values for exists',
      { rules: [{ id: 'r', when: { attribute: 'a', op: 'exists', values: [true] }, serve }] },
      '$.rules[0].when.values',
      'values-not-allowed',
    ],
    [
      'text for a number',
      { rules: [{ id: 'r', when: { any: [{ attribute: 'a', op: 'gte', values: [1, '18'] }] }, serve }] },
      '$.rules[0].when.any[0].values[1]',
      'value-type',
    ],
  ];

  test.each(cases)('[C21] %s is refused with its path', (_, fields, path, rule) => {
    const rejection = refuse(project, put(fields));
    expect(rejection.code).toBe('RULE_VIOLATED');
    expect(rejection.issues).toEqual([
      { path, rule, message: expect.any(String), remedy: expect.any(String) },
    ]);
  });

  test('[C21] every fault is listed, not only the first', () => {
    const rejection = refuse(project, put({ offVariation: 'x', fallthrough: { variation: 'y' } }));
    expect(rejection.issues?.map(({ path }) => path)).toEqual(['$.offVariation', '$.fallthrough.variation']);
  });

  test('[C63] conditions that nest too deeply and patterns that are too long exceed a limit', () => {
    const nested = Array.from({ length: 11 }).reduce<object>((inner) => ({ not: inner }), { all: [] });
    const deep = refuse(project, put({ rules: [{ id: 'r', when: nested, serve }] }));
    expect(deep).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: { name: 'conditionDepth', current: 12, maximum: 10 },
      issues: [{ path: '$.rules[0].when' }],
    });
    const when = { attribute: 'a', op: 'matches', values: ['x'.repeat(257)] };
    const long = refuse(project, put({ rules: [{ id: 'r', when, serve }] }));
    expect(long.limit).toEqual({ name: 'patternCharacters', current: 257, maximum: 256 });
  });

  test('[C20] an environment, flag or configuration that is not there is named', () => {
    expect(refuse(project, patchConfiguration('qa', 'checkout', {})).code).toBe('ENVIRONMENT_NOT_FOUND');
    expect(refuse(project, patchConfiguration('production', 'Checkout', {})).code).toBe('FLAG_NOT_FOUND');
  });
});
