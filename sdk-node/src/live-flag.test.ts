import { buildRuleset } from '@dimmer/evaluator';
import { expect, test } from 'vitest';
import { LiveFlag } from './live-flag.ts';
import { fixedFlag } from './stream-server.fixture.ts';

const user = { targetingKey: 'user-1' };

function liveFlag(fallbacksMax = 10): LiveFlag {
  const flag = buildRuleset([fixedFlag('a', 4, true, { metadata: { team: 'x' } })]).flags.get('a');
  if (flag === undefined) throw new Error('the flag was not compiled');
  return new LiveFlag(flag, fallbacksMax);
}

test('[N30] answers are counted by what they were and by the fallback', () => {
  const live = liveFlag();
  const { slot } = live.evaluate(user);
  for (const fallback of [false, false, true, false]) live.count(slot, fallback);
  live.count(live.mismatch.slot, 'red');
  expect(live.counted).toBe(5);
  const answer = { flag: 'a', variation: 'given', reason: 'FALLTHROUGH', revision: 4 };
  const mismatch = { flag: 'a', variation: null, reason: 'ERROR', errorCode: 'TYPE_MISMATCH', revision: 4 };
  expect(live.drain()).toEqual([
    { ...answer, fallback: false, count: 3 },
    { ...answer, fallback: true, count: 1 },
    { ...mismatch, fallback: 'red', count: 1 },
  ]);
  expect(live.drain()).toEqual([]);
});

test('[N30] fallbacks that are objects are one, however often they are made', () => {
  const live = liveFlag();
  for (let i = 0; i < 5; i += 1) live.count(0, { theme: i });
  live.count(0, null);
  live.count(0, Number.NaN);
  live.count(0, Number.NaN);
  expect(live.drain().map(({ fallback, count }) => [fallback, count])).toEqual([
    ['(json)', 5],
    [null, 1],
    [Number.NaN, 2],
  ]);
});

test('[N31] fallbacks beyond the limit are dropped and counted', () => {
  const live = liveFlag(2);
  for (let i = 0; i < 10; i += 1) live.count(0, i);
  expect(live.drain()).toHaveLength(3);
  expect(live.dropped).toBe(0);
  for (let i = 0; i < 10; i += 1) live.count(0, `fallback ${i}`);
  expect(live.dropped).toBe(8);
});

test('[N1] a context that breaks the evaluation is an error of its own', () => {
  const flag = buildRuleset([fixedFlag('a', 4, true)]).flags.get('a');
  if (flag === undefined) throw new Error('the flag was not compiled');
  const breaking = {
    ...flag,
    evaluate: () => {
      throw new Error('a defect');
    },
  };
  const live = new LiveFlag(breaking, 1);
  expect(live.evaluate(user)).toMatchObject({ value: undefined, reason: 'ERROR', errorCode: 'UNSUPPORTED' });
});
