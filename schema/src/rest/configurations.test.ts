import { expect, test } from 'vitest';
import { ConfigurationInput, ConfigurationPatch, RolloutInput } from './configurations.ts';

const minimal = { enabled: true, offVariation: 'off', fallthrough: { variation: 'on' } };

test('[W12] lists that are empty may be left out of a configuration', () => {
  expect(ConfigurationInput.parse(minimal)).toEqual({
    ...minimal,
    prerequisites: [],
    targets: [],
    rules: [],
  });
});

test('[W12] a patch names only what it replaces', () => {
  expect(ConfigurationPatch.parse({ enabled: false })).toEqual({ enabled: false });
});

test('[W12] what a GET answers with is accepted and says nothing', () => {
  const read = { flag: 'a', environment: 'production', version: 3, revision: 9, kill: null };
  expect(ConfigurationInput.safeParse({ ...minimal, ...read }).success).toBe(true);
});

test('[W13] a field that nobody knows is refused, at any depth', () => {
  expect(ConfigurationInput.safeParse({ ...minimal, enabeld: true }).success).toBe(false);
  const rule = { id: 'r', when: { all: [{ segment: 'beta', sure: true }] }, serve: { variation: 'on' } };
  expect(ConfigurationInput.safeParse({ ...minimal, rules: [rule] }).success).toBe(false);
});

for (const weights of [{ on: 10, off: 89 }, { on: 101, off: -1 }, { on: 33.3333, off: 66.6667 }, {}]) {
  test(`[W14] weights ${JSON.stringify(weights)} are refused`, () => {
    expect(RolloutInput.safeParse({ weights }).success).toBe(false);
  });
}

for (const weights of [
  { on: 10, off: 90 },
  { a: 33.333, b: 33.333, c: 33.334 },
  { on: 0.001, off: 99.999 },
  { on: 100 },
]) {
  test(`[W14] weights ${JSON.stringify(weights)} are accepted`, () => {
    expect(RolloutInput.parse({ weights })).toEqual({ by: 'targetingKey', weights });
  });
}

test('[W14] a sum that is not 100 is named with its remedy', () => {
  const outcome = RolloutInput.safeParse({ weights: { on: 10, off: 89 } });
  expect(outcome.error?.issues[0]).toMatchObject({
    path: ['weights'],
    message: 'must add up to 100, not 99',
    params: { rule: 'weights-sum' },
  });
});

test('[W13] a condition with `__proto__` as a segment is refused', () => {
  const rule = { id: 'r', when: { segment: '__proto__' }, serve: { variation: 'on' } };
  expect(ConfigurationPatch.safeParse({ rules: [rule] }).success).toBe(false);
});
