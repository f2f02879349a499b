import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { registerAppliedLag, registerReceiptMetrics } from './applied-metrics.ts';
import type { Instance } from './instance.ts';
import { newInstance } from './instance.ts';

const HERE = { project: 'shop', environment: 'production' };
const AT = 10_000;
const MOMENT = {
  environment: HERE,
  epoch: 'e1',
  revision: 7,
  committedAt: new Date(AT).toISOString(),
};

async function countOf(registry: Registry): Promise<string | undefined> {
  return /dimmer_apply_lag_seconds_(?:sum|count) (\S+)\ndimmer_apply_lag_seconds_count (\S+)/
    .exec(await registry.metrics())
    ?.slice(1)
    .join(' ');
}

test('[P5] the lag is the time from the commit, for instances that ran before it', async () => {
  const registry = new Registry();
  const lag = registerAppliedLag(registry);
  lag.moved(MOMENT);
  lag.applied(HERE, { epoch: 'e1', from: 6, revision: 7, at: AT + 250 }, AT - 1);
  lag.applied(HERE, { epoch: 'e1', from: 6, revision: 7, at: AT + 9_000 }, AT + 1);
  lag.applied(HERE, { epoch: 'e2', from: 6, revision: 7, at: AT + 9_000 }, AT - 1);
  lag.applied({ ...HERE, environment: 'staging' }, { epoch: 'e1', from: 6, revision: 7, at: AT }, 0);
  expect(await countOf(registry)).toBe('0.25 1');
});

test('[P5] what is remembered of commits is bounded', async () => {
  const registry = new Registry();
  const lag = registerAppliedLag(registry);
  for (let revision = 1; revision <= 100; revision += 1) lag.moved({ ...MOMENT, revision });
  for (const revision of [1, 36, 37, 100])
    lag.applied(HERE, { epoch: 'e1', from: 0, revision, at: AT + 1_000 }, 0);
  expect(await countOf(registry)).toBe('2 2');
});

test('[P6] stragglers and the age of the revision that they lack; 0 once there are none', async () => {
  const registry = new Registry();
  const at = (revision: number): Instance => ({
    ...newInstance('a'),
    status: { state: 'LIVE', mode: 'stream', epoch: 'e1', revision, ageMs: 0, clockOffsetMs: null },
  });
  let instances = [at(6)];
  registerReceiptMetrics(registry, {
    environments: () => [MOMENT],
    present: () => instances,
    clock: { now: () => AT + 90_000 },
  });
  const labels = '{project="shop",environment="production"}';
  expect(await registry.metrics()).toContain(`dimmer_receipt_stragglers${labels} 1`);
  expect(await registry.metrics()).toContain(`dimmer_receipt_incomplete_seconds${labels} 90`);
  instances = [at(7)];
  expect(await registry.metrics()).toContain(`dimmer_receipt_instances${labels} 1`);
  expect(await registry.metrics()).toContain(`dimmer_receipt_incomplete_seconds${labels} 0`);
});
