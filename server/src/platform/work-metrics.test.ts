import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createWorkMetrics } from './work-metrics.ts';

test('[P7] a lease is not held until it is said, and no longer than it is', async () => {
  const registry = new Registry();
  const tell = createWorkMetrics(registry, { now: () => 0 }).leased('upkeep');
  const held = async () => /dimmer_lease_held\{lease="upkeep"\} (\d)/.exec(await registry.metrics())?.[1];
  expect(await held()).toBe('0');
  tell(true);
  expect(await held()).toBe('1');
  tell(false);
  expect(await held()).toBe('0');
});

test('[P7] runs count by outcome, and only a good one moves the time of the last', async () => {
  const registry = new Registry();
  let now = 1_000;
  let isBroken = false;
  const run = createWorkMetrics(registry, { now: () => now }).counted('prune-history', () =>
    isBroken ? Promise.reject(new Error('no disk')) : Promise.resolve(),
  );
  now = 5_000;
  await run();
  isBroken = true;
  now = 9_000;
  await expect(run()).rejects.toThrow('no disk');
  const text = await registry.metrics();
  expect(text).toContain('dimmer_work_runs_total{work="prune-history",outcome="done"} 1');
  expect(text).toContain('dimmer_work_runs_total{work="prune-history",outcome="failed"} 1');
  expect(text).toContain('dimmer_work_last_done_timestamp_seconds{work="prune-history"} 5');
});
