import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasBalancer } from '../../examples/rolling-upgrade/src/balancer.ts';
import { AT_THE_HEAD_WITHIN_MS, brokenPromises, roll } from '../../examples/rolling-upgrade/src/roll.ts';
import { tableOf } from '../../examples/rolling-upgrade/src/summary.ts';
import { seedOf } from '../faults/seeded-random.ts';

const SEED = seedOf(process.env['DIMMER_FAULT_SEED']);
/** A machine that runs other tests beside is slower than the promise allows for. */
const SLOWER = 5;

test('three servers are upgraded, rolled back, killed, and lose their database, and nobody notices', async ({
  skip,
}) => {
  const required = process.env['CI'] !== undefined;
  if (!required && !(await hasBalancer())) return skip('HAProxy is not installed');
  const directory = await mkdtemp(join(tmpdir(), 'dimmer-rolling-upgrade-'));
  const outcome = await roll({ directory, seed: SEED, isShort: true, tell: () => {} });
  if (outcome === undefined && !required) return skip('PostgreSQL is not installed');
  if (outcome === undefined) throw new Error('PostgreSQL is not installed');
  console.log(`seed ${SEED}\n${tableOf(outcome.rows)}`);
  expect(brokenPromises(outcome, SLOWER * AT_THE_HEAD_WITHIN_MS), `history: ${directory}`).toEqual([]);
  expect(outcome.judged.counts.commits).toBeGreaterThan(0);
  expect(outcome.rows.find(({ title }) => title === 'and back')?.moved).toBeGreaterThan(0);
  await rm(directory, { recursive: true });
}, 300_000);
