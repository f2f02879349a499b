import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Dimmer } from '../../sdk-node/src/client.ts';
import type { DimmerStatus } from '../../sdk-node/src/flags.ts';
import { type Platform, systemPlatform } from '../../sdk-node/src/platform.ts';
import { startStopwatch } from '../faults/processor-wait.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createSwallowingProxy, type SwallowingProxy } from '../faults/swallowing-proxy.ts';

/** With `DIMMER_TEST_REAL_TIME=1` the patience is the one that is shipped, and what was measured is printed. */
const REAL_TIME = process.env['DIMMER_TEST_REAL_TIME'] === '1';
/** One second here stands for so many on the wire. */
const SCALE = REAL_TIME ? 1 : 20;
/** What a busy machine may add. */
const SLACK_MS = REAL_TIME ? 500 : 3_000;
const TIMEOUT_MS = 400_000 / Math.min(SCALE, 3);
const PATIENCE = { timeout: 200_000 / Math.min(SCALE, 5), interval: 10 };
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
  await flags.ready({ timeoutMs: 40_000 });
});

afterAll(async () => {
  await flags.close();
  await proxy.close();
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test('[F40] a stream that is swallowed is noticed and polled around, and is back when the path is (SDK-6, SDK-8)', {
  timeout: TIMEOUT_MS,
}, async () => {
  expect(flags.boolean('checkout-v2', user, false)).toBe(true);
  const revisions: number[] = [];
  const stop = flags.onStatus(({ revision }) => revisions.push(revision ?? 0));
  proxy.swallow('/sdk/v1/stream');
  const sinceCutMs = startStopwatch(server.pid());
  const { revision } = await send('POST', `${CONFIGURATION}/kill`, { reason: 'payments fail' });

  await vi.waitFor(() => expect(flags.status().state).not.toBe('LIVE'), PATIENCE);
  expect(measured('the swallowed stream was left', sinceCutMs())).toBeLessThan(47_000 / SCALE + SLACK_MS);
  await reached({ mode: 'poll', revision });
  expect(measured('a poll went around it', sinceCutMs())).toBeLessThan(60_000 / SCALE + SLACK_MS);
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

test('[F31] a server that is frozen is left, and attempts that it does not answer are given up (SDK-7)', {
  timeout: TIMEOUT_MS,
}, async () => {
  const givenUpMs: number[] = [];
  const timed: typeof fetch = async (input, init) => {
    const takenMs = startStopwatch();
    try {
      return await fetch(input, init);
    } catch (error) {
      if (String(input).includes('/sdk/v1/stream')) givenUpMs.push(takenMs());
      throw error;
    }
  };
  const sdk = new Dimmer({ url: server.url, key: server.serverKey, cache: false, fetch: timed }, hasty);
  await sdk.ready({ timeoutMs: 40_000 });
  const value = sdk.boolean('checkout-v2', user, false);
  server.signal('SIGSTOP');
  const sinceFrozenMs = startStopwatch();
  try {
    await vi.waitFor(() => expect(sdk.status().state).not.toBe('LIVE'), PATIENCE);
    expect(measured('the frozen server was left', sinceFrozenMs())).toBeLessThan(47_000 / SCALE + SLACK_MS);
    await vi.waitFor(() => expect(givenUpMs.length).toBeGreaterThan(1), PATIENCE);
  } finally {
    server.signal('SIGCONT');
  }
  if (REAL_TIME) console.info(`attempts were given up after ${givenUpMs.map(seconds).join(', ')}`);
  expect(Math.max(...givenUpMs)).toBeLessThan(10_000 / SCALE + SLACK_MS);
  expect(sdk.boolean('checkout-v2', user, !value)).toBe(value);
  await vi.waitFor(() => expect(sdk.status().state).toBe('LIVE'), PATIENCE);
  await sdk.close();
});

/** Tells the milliseconds where they are real. */
function measured(what: string, ms: number): number {
  if (REAL_TIME) console.info(`${what} after ${seconds(ms)}`);
  return ms;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** The silence of a stream is bounded by `silenceMaxMs`: three heartbeats of 15 s, on the wire. */
function scaled(): Platform['timing'] {
  const { timing } = systemPlatform;
  if (REAL_TIME) return timing;
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
  return vi.waitFor(() => expect(flags.status()).toMatchObject(status), PATIENCE);
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
