import { DEFAULT_TIMING } from '@dimmer/follower';
import type { Client, Hook } from '@openfeature/web-sdk';
import { OpenFeature, ProviderEvents, ProviderStatus } from '@openfeature/web-sdk';
import { afterEach, expect, test, vi } from 'vitest';
import { TestBrowser } from '../browser.fixture.ts';
import type { Platform } from '../platform.ts';
import { browserPlatform } from '../platform.ts';
import { flagValue, ValueServer } from '../value-server.fixture.ts';
import type { DimmerProviderOptions } from './dimmer-provider.ts';
import { DimmerProvider } from './dimmer-provider.ts';

const KEY = `dim_cli_${'Client'.repeat(6)}`;
const ADA = { targetingKey: 'ada' };
const BOB = { targetingKey: 'bob' };
const ON = flagValue('a', true);
const OFF = flagValue('a', false);

afterEach(async () => {
  await OpenFeature.close();
  OpenFeature.clearHandlers();
  await OpenFeature.clearProviders();
  await OpenFeature.clearContexts();
});

/** OpenFeature settles by microtasks, so the clock is real; the follower is quick. */
function provider(server: ValueServer, options: Partial<DimmerProviderOptions> = {}): DimmerProvider {
  const timing = {
    ...DEFAULT_TIMING,
    retryBaseMs: 20,
    retryMaxMs: 40,
    staleAfterMs: 100,
    refusedMinMs: 100,
    refusedMaxMs: 120,
  };
  const { platform } = new TestBrowser().tab(server.fetch);
  const { now, after } = browserPlatform();
  const quick: Platform = { ...platform, now, after, timing };
  return new DimmerProvider({ url: 'http://flags.test', key: KEY, shareTabs: false, ...options }, quick);
}

/** Everything that OpenFeature tells, in order. */
function listen(client: Client): readonly string[] {
  const heard: string[] = [];
  const { Ready, Stale, Error: Failed, Reconciling, ContextChanged, ConfigurationChanged } = ProviderEvents;
  for (const event of [Ready, Stale, Failed, Reconciling, ContextChanged] as const) {
    client.addHandler(event, () => heard.push(event));
  }
  client.addHandler(ConfigurationChanged, (details) =>
    heard.push(`changed ${details?.flagsChanged?.join()}`),
  );
  heard.length = 0;
  return heard;
}

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}

test('[B90] all four types are resolved at once, with variant, reason and metadata', async () => {
  const server = new ValueServer([
    flagValue('on', true, { isStatic: true }),
    flagValue('theme', 'dark', { metadata: { team: 'x' } }),
    flagValue('size', 3, { reason: 'SPLIT' }),
    flagValue('tree', { a: 1 }, { reason: 'RULE_MATCH' }),
    flagValue('killed', false, { reason: 'KILLED' }),
    flagValue('off', undefined, { reason: 'OFF', type: 'boolean' }),
    flagValue('later', true, { reason: 'LATER' }),
  ]);
  await OpenFeature.setProviderAndWait(provider(server));
  const client = OpenFeature.getClient();
  const on = client.getBooleanDetails('on', false);
  expect(on).toMatchObject({ value: true, variant: 'given', reason: 'STATIC', flagMetadata: {} });
  const theme = client.getStringDetails('theme', '');
  expect(theme).toMatchObject({ value: 'dark', reason: 'DEFAULT', flagMetadata: { team: 'x' } });
  expect(client.getNumberDetails('size', 0)).toMatchObject({ value: 3, reason: 'SPLIT' });
  expect(client.getObjectDetails('tree', {})).toMatchObject({ value: { a: 1 }, reason: 'TARGETING_MATCH' });
  expect(client.getBooleanDetails('killed', true)).toMatchObject({ value: false, reason: 'DISABLED' });
  expect(client.getBooleanDetails('later', false)).toMatchObject({ value: true, reason: 'LATER' });
  const off = client.getBooleanDetails('off', true);
  expect(off).toMatchObject({ value: true, reason: 'DISABLED' });
  expect(off).not.toHaveProperty('errorCode');
  expect(off).not.toHaveProperty('variant');
});

test('[B90] errors have the codes of OpenFeature and serve the fallback', async () => {
  const odd = flagValue('odd', false, { reason: 'ERROR', errorCode: 'LATER' });
  const server = new ValueServer([ON, odd]);
  const unset = provider(server);
  expect(unset.resolveBooleanEvaluation('a', true)).toMatchObject({
    value: true,
    reason: 'ERROR',
    errorCode: 'PROVIDER_NOT_READY',
  });
  await OpenFeature.setProviderAndWait(unset);
  const client = OpenFeature.getClient();
  const failed = { reason: 'ERROR', value: 'x' };
  expect(client.getStringDetails('none', 'x')).toMatchObject({ ...failed, errorCode: 'FLAG_NOT_FOUND' });
  expect(client.getStringDetails('a', 'x')).toMatchObject({ ...failed, errorCode: 'TYPE_MISMATCH' });
  expect(client.getBooleanDetails('odd', true)).toMatchObject({ value: true, errorCode: 'GENERAL' });
});

test('[B90] hooks run around an evaluation, and see its answer', async () => {
  await OpenFeature.setProviderAndWait(provider(new ValueServer([ON])));
  const seen: unknown[] = [];
  const hook: Hook = {
    before: ({ flagKey }) => void seen.push(flagKey),
    after: (_, { value, reason }) => void seen.push(value, reason),
    error: (_, error) => void seen.push(String(error)),
    finally: () => void seen.push('end'),
  };
  const client = OpenFeature.getClient();
  client.getBooleanValue('a', false, { hooks: [hook] });
  expect(seen).toEqual(['a', true, 'DEFAULT', 'end']);
  client.getBooleanValue('none', false, { hooks: [hook] });
  expect(seen.slice(4)).toEqual(['none', expect.stringContaining('FLAG_NOT_FOUND'), 'end']);
});

test('[B91] READY, changes by name, STALE, and READY again', async () => {
  const server = new ValueServer([OFF, flagValue('b', 1)]);
  const client = OpenFeature.getClient();
  const heard = listen(client);
  await OpenFeature.setProviderAndWait(provider(server));
  server.commit([ON, flagValue('b', 1)]);
  await until(() => expect(heard).toEqual([ProviderEvents.Ready, 'changed a']));
  server.isDown = true;
  server.cut();
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.STALE));
  expect(client.getBooleanValue('a', false)).toBe(true);
  server.isDown = false;
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(heard.slice(2)).toEqual([ProviderEvents.Stale, ProviderEvents.Ready]);
});

test('[B91] a server that is not there is an ERROR in time, and READY when it is', {
  timeout: 60_000,
}, async () => {
  const server = new ValueServer([ON]);
  server.isDown = true;
  const client = OpenFeature.getClient();
  const startedAt = Date.now();
  await expect(OpenFeature.setProviderAndWait(provider(server))).rejects.toThrow(
    'no values yet: Failed to fetch',
  );
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  expect(client.providerStatus).toBe(ProviderStatus.ERROR);
  expect(client.getBooleanDetails('a', false)).toMatchObject({ value: false, reason: 'ERROR' });
  server.isDown = false;
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(client.getBooleanValue('a', false)).toBe(true);
});

test('[B91] a key that is refused at the start is FATAL, and READY when it is accepted', async () => {
  const server = new ValueServer([ON]);
  server.refusal = 401;
  const client = OpenFeature.getClient();
  await expect(OpenFeature.setProviderAndWait(provider(server))).rejects.toThrow('no values yet');
  expect(client.providerStatus).toBe(ProviderStatus.FATAL);
  expect(client.getBooleanValue('a', false)).toBe(false);
  server.refusal = undefined;
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
});

test('[B92] another context is RECONCILING until its values are here', async () => {
  const server = new ValueServer([OFF]);
  server.give('bob', [ON]);
  await OpenFeature.setContext(ADA);
  await OpenFeature.setProviderAndWait(provider(server));
  const client = OpenFeature.getClient();
  const heard = listen(client);
  server.isSlow = true;
  const changed = OpenFeature.setContext(BOB);
  expect(client.providerStatus).toBe(ProviderStatus.RECONCILING);
  await until(() => expect(server.streams.size).toBe(1));
  expect(client.getBooleanValue('a', true)).toBe(false);
  await until(() => expect(server.streamRequests().at(-1)?.body.context).toEqual(BOB));
  server.release();
  await changed;
  expect(client.providerStatus).toBe(ProviderStatus.READY);
  expect(client.getBooleanValue('a', false)).toBe(true);
  expect(heard).toEqual([ProviderEvents.Reconciling, ProviderEvents.ContextChanged]);
});

test('[B92] of several contexts the last counts, and all wait for it', async () => {
  const server = new ValueServer([OFF]);
  server.give('bob', [ON]);
  const hash = (context: { targetingKey?: string }): Promise<string> =>
    new Promise((resolve) => setTimeout(resolve, context.targetingKey === 'eve' ? 60 : 1, 'hash'));
  await OpenFeature.setProviderAndWait(provider(server, { hash }), ADA);
  const client = OpenFeature.getClient();
  await Promise.all([
    OpenFeature.setContext({ targetingKey: 'eve' }),
    OpenFeature.setContext({ targetingKey: 'kim' }).then(() =>
      expect(client.getBooleanValue('a', false)).toBe(true),
    ),
    OpenFeature.setContext(BOB),
  ]);
  expect(client.providerStatus).toBe(ProviderStatus.READY);
  expect(client.getBooleanValue('a', false)).toBe(true);
  expect(server.streamRequests().map(({ body }) => body.context?.targetingKey)).not.toContain('eve');
  expect(server.streamRequests().at(-1)?.body).toMatchObject({ context: BOB, hash: 'hash' });
});

test('[B92] values of the context before stay where those of the next cannot be had', {
  timeout: 60_000,
}, async () => {
  const server = new ValueServer([ON]);
  await OpenFeature.setProviderAndWait(provider(server), ADA);
  const client = OpenFeature.getClient();
  server.isDown = true;
  await OpenFeature.setContext(BOB);
  expect(client.providerStatus).toBe(ProviderStatus.ERROR);
  expect(client.getBooleanValue('a', false)).toBe(true);
  server.isDown = false;
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
});

test('[B93] tracking reaches the server, and closing ends the stream', async () => {
  const server = new ValueServer([ON]);
  await OpenFeature.setProviderAndWait(provider(server), ADA);
  OpenFeature.getClient().track('bought', { value: 3 });
  await OpenFeature.clearProviders();
  await until(() => expect(server.reports).toHaveLength(1));
  expect(server.reports[0]).toMatchObject({
    batch: { events: [{ name: 'bought', targetingKey: 'ada', details: { value: 3 } }] },
  });
  expect(server.streams.size).toBe(0);
});
