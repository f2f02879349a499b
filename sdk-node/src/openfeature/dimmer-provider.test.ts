import { DEFAULT_TIMING } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import type { Client } from '@openfeature/server-sdk';
import { OpenFeature, ProviderEvents, ProviderStatus } from '@openfeature/server-sdk';
import { afterEach, expect, test, vi } from 'vitest';
import { Dimmer } from '../client.ts';
import { systemPlatform } from '../platform.ts';
import type { StreamHandler, StreamServer } from '../stream-server.fixture.ts';
import { fixedFlag, snapshotDocument, streamServer } from '../stream-server.fixture.ts';
import { fakeDimmer } from '../testing/fake-dimmer.ts';
import { DimmerProvider } from './dimmer-provider.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const user = { targetingKey: 'user-1', plan: 'pro' };
const servers: StreamServer[] = [];

afterEach(async () => {
  await OpenFeature.close();
  OpenFeature.clearHandlers();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handler: StreamHandler): Promise<StreamServer> {
  const server = await streamServer(handler);
  servers.push(server);
  return server;
}

function dimmer(url: string, objects?: readonly WireObject[], staleAfterMs = 100): Dimmer {
  const timing = {
    ...DEFAULT_TIMING,
    retryBaseMs: 20,
    retryMaxMs: 40,
    staleAfterMs,
    refusedMinMs: 100,
    refusedMaxMs: 120,
  };
  const bootstrap = objects === undefined ? {} : { bootstrap: snapshotDocument(1, objects) };
  return new Dimmer(
    { url, key, cache: false, ...bootstrap },
    { ...systemPlatform, emitWarning: vi.fn(), timing },
  );
}

/** Everything that OpenFeature tells of this domain, in order. */
function listen(client: Client): readonly string[] {
  const heard: string[] = [];
  for (const event of [ProviderEvents.Ready, ProviderEvents.Stale, ProviderEvents.Error] as const) {
    client.addHandler(event, () => heard.push(event));
  }
  client.addHandler(ProviderEvents.ConfigurationChanged, (details) =>
    heard.push(`changed ${details?.flagsChanged?.join()}`),
  );
  // The provider that stands in until one is set is ready, and says so to everyone at once.
  heard.length = 0;
  return heard;
}

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}

test('[N60] all four types are resolved, with variant and reason', async () => {
  const flags = fakeDimmer({ on: true, theme: 'dark', size: 3, tree: { a: 1 } });
  await OpenFeature.setProviderAndWait(new DimmerProvider(flags));
  const client = OpenFeature.getClient();
  expect(await client.getBooleanDetails('on', false, user)).toMatchObject({
    value: true,
    variant: 'value',
    reason: 'STATIC',
    flagMetadata: {},
  });
  expect(await client.getStringValue('theme', '', user)).toBe('dark');
  expect(await client.getNumberValue('size', 0, user)).toBe(3);
  expect(await client.getObjectValue('tree', {}, user)).toEqual({ a: 1 });
});

test('[N60] reasons are translated, and metadata is passed on', async () => {
  const rules = [
    { id: 'pro', when: { attribute: 'plan', op: 'in', values: ['pro'] }, serve: { variation: 'given' } },
  ] as const;
  const rollout = {
    by: 'targetingKey',
    algorithm: 'murmur3-100k',
    seed: 1,
    ranges: [[0, 100_000, 'given']],
  } as const;
  const server = await serve((stream) =>
    stream.full(1, [
      fixedFlag('ruled', 1, true, { rules, metadata: { team: 'x' } }),
      fixedFlag('split', 1, true, { fallthrough: { rollout } }),
      fixedFlag('killed', 1, true, { killed: true }),
      fixedFlag('off', 1, true, { enabled: false, offVariation: null }),
    ]),
  );
  await OpenFeature.setProviderAndWait(new DimmerProvider(dimmer(server.url)));
  const client = OpenFeature.getClient();
  const details = (flag: string, context = user) => client.getBooleanDetails(flag, true, context);
  expect(await details('ruled')).toMatchObject({ reason: 'TARGETING_MATCH', flagMetadata: { team: 'x' } });
  expect(await details('ruled', { ...user, plan: 'free' })).toMatchObject({ reason: 'DEFAULT' });
  expect(await details('split')).toMatchObject({ reason: 'SPLIT', value: true });
  expect(await details('killed')).toMatchObject({ reason: 'DISABLED', value: false });
  const off = await details('off');
  expect(off).toMatchObject({ reason: 'DISABLED', value: true });
  expect(off.errorCode).toBeUndefined();
});

test('[N60] errors have the codes of OpenFeature and serve the fallback', async () => {
  await OpenFeature.setProviderAndWait(new DimmerProvider(fakeDimmer({ on: true })));
  const client = OpenFeature.getClient();
  expect(await client.getBooleanDetails('unknown', true, user)).toMatchObject({
    value: true,
    reason: 'ERROR',
    errorCode: 'FLAG_NOT_FOUND',
  });
  expect(await client.getStringDetails('on', 'x', user)).toMatchObject({
    value: 'x',
    errorCode: 'TYPE_MISMATCH',
  });
});

test('[N61] READY, STALE, and READY again', async () => {
  const server = await serve((stream) => stream.full(1, [fixedFlag('a', 1, true)]));
  const client = OpenFeature.getClient();
  const heard = listen(client);
  await OpenFeature.setProviderAndWait(new DimmerProvider(dimmer(server.url)));
  server.handler = (stream) => stream.refuse(503);
  server.cut();
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.STALE));
  expect(await client.getBooleanValue('a', false, user)).toBe(true);
  server.handler = (stream) => stream.hello('delta', 2).commit(2, [fixedFlag('a', 2, false)]);
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(heard).toEqual([ProviderEvents.Ready, ProviderEvents.Stale, 'changed a', ProviderEvents.Ready]);
});

test('[N61] a refused key is an ERROR, and READY when it is accepted again', async () => {
  const server = await serve((stream) => stream.full(1, [fixedFlag('a', 1, true)]));
  const client = OpenFeature.getClient();
  const heard = listen(client);
  // However long the next attempt takes, it is refused before the flags are stale.
  await OpenFeature.setProviderAndWait(new DimmerProvider(dimmer(server.url, undefined, 600_000)));
  server.handler = (stream) => stream.refuse(401);
  server.cut();
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.ERROR));
  server.handler = (stream) => stream.hello('none', 1);
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(heard).toEqual([ProviderEvents.Ready, ProviderEvents.Error, ProviderEvents.Ready]);
});

test('[N61] a start from stored flags is STALE, and READY when the server is there', async () => {
  const server = await serve((stream) => stream.refuse(503));
  const client = OpenFeature.getClient();
  const heard = listen(client);
  const flags = dimmer(server.url, [fixedFlag('a', 1, true)]);
  await OpenFeature.setProviderAndWait(new DimmerProvider(flags));
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.STALE));
  expect(await client.getBooleanValue('a', false, user)).toBe(true);
  server.handler = (stream) => stream.full(2, [fixedFlag('a', 2, false)]);
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(heard).toEqual([ProviderEvents.Ready, ProviderEvents.Stale, 'changed a', ProviderEvents.Ready]);
});

test('[N61] a start with a key that is refused is FATAL, and READY when it is accepted', async () => {
  const server = await serve((stream) => stream.refuse(401));
  const client = OpenFeature.getClient();
  const heard = listen(client);
  const provider = new DimmerProvider(dimmer(server.url));
  await expect(OpenFeature.setProviderAndWait(provider)).rejects.toThrow('no flags yet');
  expect(client.providerStatus).toBe(ProviderStatus.FATAL);
  server.handler = (stream) => stream.full(1, [fixedFlag('a', 1, true)]);
  await until(() => expect(client.providerStatus).toBe(ProviderStatus.READY));
  expect(heard).toEqual([ProviderEvents.Error, 'changed a', ProviderEvents.Ready]);
});

test('tracking reaches the client, and closing closes it', async () => {
  const flags = fakeDimmer({ on: true });
  await OpenFeature.setProviderAndWait(new DimmerProvider(flags));
  OpenFeature.getClient().track('bought', user, { value: 3 });
  expect(flags.status().tracked.buffered).toBe(1);
  await OpenFeature.close();
  expect(flags.status().state).toBe('CLOSED');
});
