import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { batchOf } from './counted-batch.fixture.ts';
import { MemoryStorage } from './memory/memory-storage.ts';
import type { Storage } from './storage.ts';
import { StorageFault } from './storage.ts';
import { measured } from './storage-metrics.ts';

function memory(): Storage {
  return new MemoryStorage({ clock: systemClock });
}

async function samplesOf(registry: Registry, name: string): Promise<Record<string, number>> {
  const metric = (await registry.getMetricsAsJSON()).find((found) => found.name === name);
  const values = (metric?.values ?? []) as { metricName?: string; labels: object; value: number }[];
  return Object.fromEntries(
    values
      .filter(({ metricName }) => metricName === undefined || metricName.endsWith('_count'))
      .map(({ labels, value }) => [Object.values(labels).join(' '), value]),
  );
}

test('[P2] calls are timed by operation, those of exposures too, and answer as before', async () => {
  const registry = new Registry();
  const storage = measured(memory(), registry);
  expect(await storage.projects()).toEqual([]);
  await storage.projects();
  await storage.exposures.add(batchOf('one', []));
  expect(storage.onCommit(() => {})).toBeInstanceOf(Function);
  expect(await samplesOf(registry, 'dimmer_database_call_seconds')).toEqual({
    projects: 2,
    'exposures.add': 1,
  });
});

test('[P2] faults are counted by what they are, and thrown on', async () => {
  const registry = new Registry();
  const closed = memory();
  await closed.close();
  const storage = measured(closed, registry);
  await expect(storage.ping()).rejects.toBeInstanceOf(StorageFault);
  const broken = measured({ ...closed, keys: () => Promise.reject(new TypeError('a row')) }, new Registry());
  await expect(broken.keys()).rejects.toBeInstanceOf(TypeError);
  expect(await samplesOf(registry, 'dimmer_database_faults_total')).toEqual({ 'ping unavailable': 1 });
});

test('[P2] an operation that the port gains is measured without a further line', async () => {
  const registry = new Registry();
  const grown = Object.assign(memory(), { vacuum: () => Promise.resolve('done') });
  expect(await (measured(grown, registry) as typeof grown).vacuum()).toBe('done');
  expect(await samplesOf(registry, 'dimmer_database_call_seconds')).toEqual({ vacuum: 1 });
});

test('[P2] connections are told where there are any', async () => {
  const [with5, without] = [new Registry(), new Registry()];
  const pooled = Object.assign(memory(), { connections: () => ({ busy: 3, idle: 2, waiting: 7 }) });
  measured(pooled, with5);
  measured(memory(), without);
  expect(await samplesOf(with5, 'dimmer_database_connections')).toEqual({ busy: 3, idle: 2, waiting: 7 });
  expect(await samplesOf(without, 'dimmer_database_connections')).toEqual({});
});
