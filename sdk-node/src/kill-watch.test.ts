import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { KillWatch } from './kill-watch.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const used = (): ReadonlyMap<string, { killsBefore: number }> => new Map([['a', { killsBefore: 0 }]]);

test('[N24] watches that nobody holds are collected', async () => {
  const kills = new KillWatch();
  for (let i = 0; i < 1_000; i += 1) kills.watch(used());
  expect(kills.size).toBe(1_000);
  await vi.waitFor(() => {
    collect();
    expect(kills.size).toBe(0);
  }, PATIENTLY);
});

test('[N24] a signal that somebody holds aborts, though nothing else is held', async () => {
  const kills = new KillWatch();
  const { signal } = kills.watch(used());
  kills.watch(used());
  await vi.waitFor(() => {
    collect();
    expect(kills.size).toBe(1);
  }, PATIENTLY);
  kills.killed(new Set(['a']));
  expect(signal.aborted).toBe(true);
  expect(kills.size).toBe(0);
});

test('a watch that is released is forgotten', () => {
  const kills = new KillWatch();
  const { signal, release } = kills.watch(used());
  release();
  kills.killed(new Set(['a']));
  expect(kills.size).toBe(0);
  expect(signal.aborted).toBe(false);
});
