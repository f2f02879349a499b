import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createRelayProcess } from '../faults/relay-process.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { createServerProcess } from '../faults/server-process.ts';
import type { ExposedMetric } from './exposition.ts';
import { labelsOf, readExposition, sampleOf } from './exposition.ts';
import { documentedMetrics } from './metrics-page.ts';

const PRODUCTION = { project: 'default', environment: 'production' };
/** What only a relay tells. */
const OF_RELAYS = 'dimmer_relay_';
const WAIT = { timeout: 60_000, interval: 100 };

let folder: string;
let server: ServerProcess;
let flags: Dimmer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-metrics-'));
  server = await createServerProcess(join(folder, 'dimmer.db'));
  await server.start();
  flags = new Dimmer({ url: server.url, key: server.serverKey });
  await flags.ready({ timeoutMs: 40_000 });
});
afterAll(async () => {
  await flags.close();
  await server.end('SIGTERM');
  await rm(folder, { recursive: true });
});

async function metrics(): Promise<readonly ExposedMetric[]> {
  return readExposition(await (await fetch(`${server.url}/metrics`)).text());
}

async function write(method: string, path: string, body: object): Promise<number> {
  const response = await fetch(`${server.url}/api/v1/projects/default${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

describe('the metrics of a running server', () => {
  test('[P3] commits and kills count by environment, those that change nothing do not', async () => {
    const before = (await metrics()).length;
    expect(before).toBeGreaterThan(50);
    expect(await write('POST', '/flags', { key: 'checkout' })).toBe(201);
    const count = async (name: string) => sampleOf(await metrics(), name, PRODUCTION) ?? 0;
    const commits = await count('dimmer_commits_total');
    const kill = '/environments/production/flags/checkout/kill';
    expect(await write('POST', kill, { reason: 'payments fail' })).toBe(200);
    expect(await write('POST', kill, { reason: 'payments fail' })).toBe(200);
    expect(await count('dimmer_commits_total')).toBe(commits + 1);
    expect(await count('dimmer_kills_total')).toBe(1);
  });

  test('[P5, P6] an SDK that applies a commit counts once, and completes the receipt', async () => {
    await vi.waitFor(async () => {
      const now = await metrics();
      expect(sampleOf(now, 'dimmer_apply_lag_seconds_count')).toBeGreaterThan(0);
      expect(sampleOf(now, 'dimmer_receipt_instances', PRODUCTION)).toBe(1);
      expect(sampleOf(now, 'dimmer_receipt_stragglers', PRODUCTION)).toBe(0);
      expect(sampleOf(now, 'dimmer_receipt_incomplete_seconds', PRODUCTION)).toBe(0);
    }, WAIT);
  });

  test('[P4] a stream that its reader leaves counts as ended by the peer', async () => {
    const leaving = new Dimmer({ url: server.url, key: server.serverKey });
    await leaving.ready({ timeoutMs: 40_000 });
    await leaving.close();
    await vi.waitFor(
      async () =>
        expect(sampleOf(await metrics(), 'dimmer_streams_ended_total', { reason: 'peer' })).toBeGreaterThan(
          0,
        ),
      WAIT,
    );
  });

  test('[P8] neither a path nor an unusual method becomes a label', async () => {
    await fetch(`${server.url}/somebody/user-4711`);
    await fetch(`${server.url}/somebody`, { method: 'PROPFIND' });
    const samples = (await metrics()).flatMap((metric) => metric.samples);
    const values = new Set(samples.flatMap(({ labels }) => Object.values(labels)));
    expect([...values].filter((value) => /user-4711|PROPFIND|checkout/.test(value))).toEqual([]);
    expect(
      sampleOf(await metrics(), 'dimmer_http_requests_total', { method: 'OTHER', route: 'none' }),
    ).toBeGreaterThan(0);
  });

  test('[P1] every metric has a row in docs/metrics.md, and every row a metric of that type', async () => {
    const exposed = (await metrics()).map(({ name, type }) => `${name} ${type}`).sort();
    const documented = documentedMetrics()
      .filter(({ name }) => !name.startsWith(OF_RELAYS))
      .map(({ name, type }) => `${name} ${type}`);
    expect(documented.sort()).toEqual(exposed);
  });

  test('[P1] a relay tells what has a row, and all that only relays tell', async () => {
    const relay = await createRelayProcess({
      upstream: server.url,
      key: server.serverKey,
      cache: join(folder, 'relay'),
      name: 'relay-1',
    });
    await relay.start();
    try {
      const exposed = await vi.waitFor(async () => {
        const text = await (await fetch(`${relay.url}/metrics`)).text();
        expect(sampleOf(readExposition(text), 'dimmer_relay_live', PRODUCTION)).toBe(1);
        return readExposition(text);
      }, WAIT);
      const rows = new Map(documentedMetrics().map((row) => [row.name, row]));
      expect(exposed.filter(({ name, type }) => rows.get(name)?.type !== type)).toEqual([]);
      const named = new Set(exposed.map(({ name }) => name));
      expect([...rows.keys()].filter((name) => name.startsWith(OF_RELAYS) && !named.has(name))).toEqual([]);
      const withSamples = exposed.filter(({ samples }) => samples.length > 0);
      expect(withSamples.map((metric) => [metric.name, labelsOf(metric)])).toEqual(
        withSamples.map(({ name }) => [name, rows.get(name)?.labels]),
      );
    } finally {
      await relay.end('SIGTERM');
    }
  }, 240_000);

  test('[P1] the labels of every sample are those of its row', async () => {
    const rows = new Map(documentedMetrics().map((row) => [row.name, row.labels]));
    const withSamples = (await metrics()).filter(({ samples }) => samples.length > 0);
    expect(withSamples.length).toBeGreaterThan(50);
    const found = withSamples.map((metric) => [metric.name, labelsOf(metric)]);
    expect(found).toEqual(withSamples.map(({ name }) => [name, rows.get(name)]));
  });
});
