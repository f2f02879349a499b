import { buildRuleset } from '@dimmer/evaluator';
import { expect, it } from 'vitest';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import { credibleExposures } from './client-exposures.ts';
import { ExposureRollup } from './exposure-rollup.ts';
import { RepeatedBatches } from './repeated-batches.ts';

const seen = flagObject('seen', 1, { exposeToClients: true });
const hidden = flagObject('hidden', 1);
const ruleset = buildRuleset([seen, hidden]);
const exposure = { flag: 'seen', variation: 'on', reason: 'SPLIT', count: 3 };

it('[R15] only what a browser can have seen is counted', () => {
  const credible = [exposure, { ...exposure, variation: null, reason: 'ERROR' }];
  const made = [
    { ...exposure, flag: 'hidden' },
    { ...exposure, flag: 'unknown' },
    { ...exposure, variation: 'toString' },
    { ...exposure, reason: 'BECAUSE' },
  ];
  expect(credibleExposures(ruleset, [...credible, ...made])).toEqual(credible);
});

it('[R15] what browsers count is a row of its own', () => {
  const rollup = new ExposureRollup({ rows: 10, counts: 10 });
  const origin = { project: 'shop', environment: 'production', instance: 'one', id: '1' };
  rollup.add({ ...origin, source: 'server' }, [exposure], 0);
  rollup.add({ ...origin, source: 'client' }, [exposure, exposure], 0);
  const counts = rollup.take()?.toAdd(0).countsWithout(new Set()) ?? [];
  expect(counts.map(({ source, count }) => [source, count])).toEqual([
    ['server', 3],
    ['client', 6],
  ]);
});

it('[R15] a batch is known again by instance and name, until many others came', () => {
  const batches = new RepeatedBatches();
  expect(batches.isRepeated('page', '1')).toBe(false);
  expect(batches.isRepeated('page', '1')).toBe(true);
  expect(batches.isRepeated('other page', '1')).toBe(false);
  for (let batch = 0; batch < 20_000; batch += 1) batches.isRepeated('busy', String(batch));
  expect(batches.isRepeated('page', '1')).toBe(false);
});
