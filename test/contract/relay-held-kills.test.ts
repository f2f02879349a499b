import { Dimmer } from '@dimmer/node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient, readStream } from './client-harness.ts';
import type { FailingStorage } from './failing-storage.ts';
import { failingStorage } from './failing-storage.ts';
import type { RelayHarness } from './relay-harness.ts';
import { openRelay } from './relay-harness.ts';
import { ADMIN, CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

const WITHIN = { timeout: 40_000, interval: 20 };

let harness: ClientHarness;
let storage: FailingStorage;
let relay: RelayHarness;
let flags: Dimmer;

beforeEach(async () => {
  harness = await openClient({ DIMMER_HEARTBEAT_MS: '1000' }, (database) => {
    storage = failingStorage(database);
    return storage;
  });
  await harness.flag('checkout-v2');
  relay = await openRelay({ upstream: harness.server.url });
  await relay.until({ status: 'ready' });
  flags = new Dimmer({ url: relay.url, key: SERVER, cache: false });
  await flags.ready({ timeoutMs: 40_000 });
});

afterEach(async () => {
  await flags.close();
  await relay.close();
  storage.fault = undefined;
  await harness.close();
});

const isOn = (): boolean => flags.boolean('checkout-v2', { targetingKey: 'u' }, true);

it('[RL6] a kill that the upstream holds without its database arrives, and stays when it is committed', async () => {
  expect(isOn()).toBe(true);
  const { epoch } = flags.status();
  storage.fault = 'unavailable';
  const held = await harness.post(
    `${PRODUCTION}/flags/checkout-v2/kill`,
    { reason: 'payments fail', breakGlass: true },
    { key: ADMIN },
  );
  expect(held.status).toBe(202);
  await vi.waitFor(() => expect(isOn()).toBe(false), WITHIN);
  expect(flags.status().epoch).not.toBe(epoch);
  const served: boolean[] = [];
  flags.onChange('checkout-v2', () => void served.push(isOn()));
  storage.fault = undefined;
  await vi.waitFor(() => expect(flags.status().epoch).toBe(epoch), WITHIN);
  await vi.waitFor(() => expect(flags.status().state).toBe('LIVE'), WITHIN);
  expect(isOn()).toBe(false);
  expect(served).not.toContain(true);
});

it('[BG24] streams behind a relay cross with those of the upstream: there and back, and none ends', async () => {
  await harness.flag('search');
  const streams = await Promise.all([
    relay.ask('/sdk/v1/stream'),
    relay.ask('/client/v1/stream', { method: 'POST', key: CLIENT, body: { context: { targetingKey: 'u' } } }),
  ]);
  const [definitions, values] = streams.map(readStream);
  for (const stream of [definitions, values])
    await vi.waitFor(() => expect(stream?.text()).toMatch(/event: commit/), WITHIN);
  const { epoch, revision } = flags.status();
  const toldSince = (): readonly string[] =>
    [definitions, values].map((stream) => stream?.text().split('event: hello').slice(2).join('hello') ?? '');
  storage.fault = 'unavailable';
  const path = `${PRODUCTION}/flags/checkout-v2/kill`;
  await harness.post(path, { reason: 'payments fail', breakGlass: true }, { key: ADMIN });
  await vi.waitFor(() => expect(isOn()).toBe(false), WITHIN);
  await vi.waitFor(() => {
    for (const told of toldSince()) expect(told).toMatch(/"mode":"delta".*checkout-v2.*"kill":true/s);
  }, WITHIN);
  for (const told of toldSince()) expect(told).not.toContain('search');
  storage.fault = undefined;
  await vi.waitFor(() => expect(flags.status()).toMatchObject({ epoch, state: 'LIVE' }), WITHIN);
  await vi.waitFor(() => expect(flags.status().revision).toBeGreaterThan(revision ?? 0), WITHIN);
  expect(isOn()).toBe(false);
  expect(flags.status()).toMatchObject({ resyncs: 0, mode: 'stream' });
  for (const stream of [definitions, values]) {
    expect(stream?.text()).not.toContain('goodbye');
    stream?.stop();
  }
});
