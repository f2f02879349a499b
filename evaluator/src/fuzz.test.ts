import type { FlagDefinition, WireObject } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileContexts } from './context.arbitrary.ts';
import { environments } from './definition.arbitrary.ts';
import { operatorOf } from './operators.ts';
import { planRanges } from './plan-ranges.ts';
import { buildRuleset, evaluate } from './ruleset.ts';

/** How much is tried; raise them for a long run. */
const DOCUMENTS = Number(process.env['DIMMER_TEST_DOCUMENTS'] ?? 5_000);
const CONTEXTS = Number(process.env['DIMMER_TEST_CONTEXTS'] ?? 20_000);
const KEYS = Number(process.env['DIMMER_TEST_KEYS'] ?? 100_000);
const SAMPLE = 1_000;

test(`[E8] [E72] ${DOCUMENTS} generated documents compile and evaluate without throwing (BAD-1)`, {
  timeout: 20_000 + DOCUMENTS * 5,
}, () => {
  let documents = 0;
  for (let seed = 1; documents < DOCUMENTS; seed += 1) {
    for (const objects of fc.sample(environments, { seed, numRuns: 50 })) {
      documents += objects.length;
      const ruleset = buildRuleset(objects);
      for (const key of ruleset.flags.keys()) {
        expect(evaluate(ruleset, key, { targetingKey: 'user-1', country: 'NO' }).reason).toBeTypeOf('string');
      }
    }
  }
});

test(`[E8] ${CONTEXTS} fuzzed contexts make no evaluation throw, pollute or dawdle (BAD-6)`, {
  timeout: 20_000 + CONTEXTS,
}, () => {
  const rulesets = fc.sample(environments, { seed: 7, numRuns: 20 }).map((objects) => buildRuleset(objects));
  const namesBefore = Object.getOwnPropertyNames(Object.prototype);
  let evaluations = 0;
  let slow = 0;
  for (let seed = 0; seed < CONTEXTS / SAMPLE; seed += 1) {
    const contexts = fc.sample(hostileContexts, { seed, numRuns: SAMPLE });
    for (const [index, { context }] of contexts.entries()) {
      const ruleset = rulesets[index % rulesets.length];
      for (const { evaluate: ask } of ruleset?.flags.values() ?? []) {
        const startedAt = performance.now();
        Reflect.apply(ask, undefined, [context]);
        evaluations += 1;
        if (performance.now() - startedAt > 1) slow += 1;
      }
    }
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(namesBefore);
  // The machine may take the processor away in the middle of one, and some contexts throw errors of their own.
  expect(slow / evaluations).toBeLessThan(0.01);
});

test(`[E63] of ${KEYS} keys, those at 10 % are among those at 25 %, and those among the ones at 50 % (BAD-8)`, {
  timeout: 120_000,
}, () => {
  let ranges = planRanges({ on: 10, off: 90 });
  const steps = [10, 25, 50].map((percent) => {
    ranges = planRanges({ on: percent, off: 100 - percent }, ranges);
    return buildRuleset([split(ranges)]);
  });
  const counts = [0, 0, 0];
  let escaped = 0;
  for (let index = 0; index < KEYS; index += 1) {
    const isIn = steps.map(
      (ruleset) => evaluate(ruleset, 'f', { targetingKey: `user-${index}` }).value === true,
    );
    for (const [step, inside] of isIn.entries()) {
      if (inside) counts[step] = (counts[step] ?? 0) + 1;
      else if (isIn[step - 1] === true) escaped += 1;
    }
  }
  expect(escaped).toBe(0);
  const shares = counts.map((count) => Math.round((count * 100) / KEYS));
  expect(shares).toEqual([10, 25, 50]);
});

const TEN_KB = 10_240;
/** Patterns that make engines that go back and forth explode, each with a text that does it. */
const explosive: readonly (readonly [pattern: string, text: string])[] = [
  ['(a+)+$', `${'a'.repeat(TEN_KB)}!`],
  ['([a-zA-Z]+)*$', `${'a'.repeat(TEN_KB)}!`],
  ['(a|aa)+$', `${'a'.repeat(TEN_KB)}!`],
  ['(a|a?)+$', `${'a'.repeat(TEN_KB)}!`],
  ['(.*a){20}', 'a'.repeat(19) + 'b'.repeat(TEN_KB)],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(TEN_KB)],
  ['^(\\d+)*\\.$', '1'.repeat(TEN_KB)],
  ['(x+x+)+y', 'x'.repeat(TEN_KB)],
  ['^([a-zA-Z0-9_.-])+@(([a-zA-Z0-9-])+\\.)+([a-zA-Z0-9]{2,4})+$', `a@${'a.'.repeat(TEN_KB / 2)}`],
  ['(\\s*\\w+\\s*)+;', 'word '.repeat(TEN_KB / 5)],
  ['<!--(.|\\s)*?-->', `<!--${' '.repeat(TEN_KB)}`],
];

test.each(explosive)('[E28] the pattern %s takes linear time or is refused (SEC-8)', (pattern, text) => {
  const matches = operatorOf('matches')?.([pattern]);
  if (typeof matches !== 'function') return;
  const best = (input: string): number => {
    const times = Array.from({ length: 10 }, () => {
      const startedAt = performance.now();
      matches(input);
      return performance.now() - startedAt;
    });
    return Math.min(...times);
  };
  best(text);
  const ms = best(text);
  if (process.env['DIMMER_TEST_PRINT'] === '1') console.info(`${pattern}: ${ms.toFixed(2)} ms for 10 KB`);
  // Doubling the text doubles the time, and no more: a quadratic engine would take four times as long.
  expect(best(text + text)).toBeLessThan(Math.max(3.2 * ms, 1));
  expect(ms).toBeLessThan(100);
});

test.each(['(?=a)b', '(?<=a)b', '(a)\\1', '(?>a)b'])(
  '[E28] the pattern %s needs going back, and is refused (SEC-8)',
  (pattern) => {
    expect(operatorOf('matches')?.([pattern])).toMatchObject({ index: 0 });
  },
);

function split(ranges: ReturnType<typeof planRanges>): WireObject {
  const flag: FlagDefinition = {
    kind: 'flag',
    key: 'f',
    version: 1,
    type: 'boolean',
    variations: { on: { value: true }, off: { value: false } },
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { rollout: { by: 'targetingKey', algorithm: 'murmur3-100k', seed: 42, ranges } },
  };
  return flag;
}
