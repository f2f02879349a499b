import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Dimmer } from '../../sdk-node/src/client.ts';
import type { DimmerStatus } from '../../sdk-node/src/flags.ts';
import { type Platform, systemPlatform } from '../../sdk-node/src/platform.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createSwallowingProxy, type SwallowingProxy } from '../faults/swallowing-proxy.ts';

/** One second here stands for 20 on the wire. */
const SCALE = 20;
const PROJECT = '/api/v1/projects/default';
const CONFIGURATION = `${PROJECT}/environments/production/flags/checkout-v2`;
const user = { targetingKey: 'user-1' };

/** Real time and a twentieth of the patience; silence is what the server's heartbeats make of it. */
const hasty: Platform = { ...systemPlatform, emitWarning: () => undefined, timing: scaled() };

let directory: string;
let server: ServerProcess;
let proxy: SwallowingProxy;
let flags: Dimmer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-half-open-'));
  server = await createServerProcess(join(directory, 'dimmer.db'));
  await server.start();
  proxy = await createSwallowingProxy(server.url);
  await send('POST', `${PROJECT}/flags`, { key: 'checkout-v2' });
  await send('PATCH', CONFIGURATION, { enabled: true, fallthrough: { variation: 'on' } });
  flags = new Dimmer({ url: proxy.url, key: server.serverKey, cache: false }, hasty);
  await flags.ready();
});

afterAll(async () => {
  await flags.close();
  await proxy.close();
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test('[F40] a stream that is swallowed is noticed and polled around, and is back when the path is (SDK-6, SDK-8)', async () => {
  expect(flags.boolean('checkout-v2', user, false)).toBe(true);
  const revisions: number[] = [];
  const stop = flags.onStatus(({ revision }) => revisions.push(revision ?? 0));
  proxy.swallow('/sdk/v1/stream');
  const cutAt = performance.now();
  const { revision } = await send('POST', `${CONFIGURATION}/kill`, { reason: 'payments fail' });

  await reached({ mode: 'poll', revision });
  expect(performance.now() - cutAt).toBeLessThan(60_000 / SCALE + 500);
  expect(flags.status().state).not.toBe('LIVE');
  expect(flags.detail('checkout-v2', user, true)).toMatchObject({
    value: false,
    reason: 'KILLED',
    source: 'poll',
  });

  proxy.mend();
  await reached({ state: 'LIVE', mode: 'stream', revision });
  expect(flags.status().resyncs).toBe(0);
  expect(revisions).toEqual([...revisions].sort((one, other) => one - other));
  stop();
});

/** The silence of a stream is bounded by `silenceMaxMs`: three heartbeats of 15 s, on the wire. */
function scaled(): Platform['timing'] {
  const { timing } = systemPlatform;
  return {
    ...timing,
    connectTimeoutMs: timing.connectTimeoutMs / SCALE,
    silenceMinMs: 45_000 / SCALE,
    silenceMaxMs: 45_000 / SCALE,
    retryMaxMs: timing.retryMaxMs / SCALE,
    staleAfterMs: timing.staleAfterMs / SCALE,
    pollAfterMinMs: timing.pollAfterMinMs / SCALE,
    pollAfterMaxMs: timing.pollAfterMaxMs / SCALE,
    pollIntervalMs: timing.pollIntervalMs / SCALE,
    pollTimeoutMs: timing.pollTimeoutMs / SCALE,
  };
}

function reached(status: Partial<DimmerStatus>): Promise<void> {
  return vi.waitFor(() => expect(flags.status()).toMatchObject(status), { timeout: 10_000, interval: 10 });
}

async function send(method: string, path: string, body: unknown): Promise<{ readonly revision: number }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { readonly revision: number };
}
