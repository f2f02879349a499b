import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as ServerOpenFeature } from '@openfeature/server-sdk';
import type { Client, Provider } from '@openfeature/web-sdk';
import { OpenFeature, ProviderStatus } from '@openfeature/web-sdk';
import { EventSource } from 'eventsource';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveServer } from './live-server.ts';
import { booleanFlag, planFlag, startLive } from './live-server.ts';

let server: LiveServer;

beforeAll(() => {
  vi.stubGlobal('EventSource', EventSource);
});

afterAll(() => {
  vi.unstubAllGlobals();
});

beforeEach(async () => {
  server = await startLive();
});

afterEach(async () => {
  await OpenFeature.close();
  await ServerOpenFeature.close();
  await server.close();
});

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 40_000, interval: 5 });
}

async function webClient(context: Record<string, string>): Promise<Client> {
  const provider = new OFREPWebProvider({
    baseUrl: server.url,
    headers: [['Authorization', `Bearer ${server.clientKey}`]],
  });
  await OpenFeature.setContext(context);
  // Its optional members are declared without `undefined`, which this compiler tells apart.
  await OpenFeature.setProviderAndWait(provider as Provider);
  return OpenFeature.getClient();
}

describe('@openfeature/ofrep-provider', () => {
  function client() {
    return ServerOpenFeature.getClient();
  }

  beforeEach(async () => {
    await server.declare([
      planFlag('plan'),
      booleanFlag('hidden', true, {}, { exposeToClients: false, metadata: { team: 'x', tier: 2 } }),
      booleanFlag('split', true, { fallthrough: { rollout: { weights: { on: 100, off: 0 } } } }),
      {
        key: 'theme',
        type: 'json',
        variations: { dark: { value: { colors: ['black', 0, ''] } } },
        configuration: { enabled: true, offVariation: null, fallthrough: { variation: 'dark' } },
      },
    ]);
    const provider = new OFREPProvider({
      baseUrl: server.url,
      headers: [['X-API-Key', server.serverKey]],
    });
    await ServerOpenFeature.setProviderAndWait(provider);
  });

  test('[OF1, OF2, OF3] reads values, variants, reasons and metadata with a server key', async () => {
    expect(await client().getBooleanDetails('plan', false, { targetingKey: 'u', plan: 'pro' })).toMatchObject(
      {
        value: true,
        variant: 'on',
        reason: 'TARGETING_MATCH',
      },
    );
    expect(await client().getBooleanDetails('hidden', false)).toMatchObject({
      value: true,
      reason: 'STATIC',
      flagMetadata: { team: 'x', tier: 2 },
    });
    expect(await client().getObjectValue('theme', {})).toEqual({ colors: ['black', 0, ''] });
  });

  test('[OF5, OF7] serves an empty context, and says where a rollout needs a key', async () => {
    expect(await client().getBooleanDetails('plan', true)).toMatchObject({ value: false, reason: 'DEFAULT' });
    expect(await client().getBooleanDetails('split', false)).toMatchObject({
      value: false,
      errorCode: 'TARGETING_KEY_MISSING',
    });
    expect(await client().getBooleanValue('split', false, { targetingKey: 'u' })).toBe(true);
  });

  test('[OF6] reports a flag that is not there, also with a slash in its key', async () => {
    for (const key of ['none', 'a/b', 'grüße', 'x'.repeat(100)]) {
      expect(await client().getBooleanDetails(key, true)).toMatchObject({
        value: true,
        errorCode: 'FLAG_NOT_FOUND',
      });
    }
  });
});

describe('@openfeature/ofrep-web-provider', () => {
  test('[OF2, OF8, OF11] follows changes, and hides what is not exposed', async () => {
    await server.declare([
      booleanFlag('a', false),
      booleanFlag('hidden', true, {}, { exposeToClients: false }),
    ]);
    const client = await webClient({ targetingKey: 'u' });
    expect(client.getBooleanValue('a', true)).toBe(false);
    expect(client.getBooleanDetails('hidden', false).errorCode).toBe('FLAG_NOT_FOUND');
    for (const value of [true, false, true]) {
      await server.patch('a', { fallthrough: { variation: value ? 'on' : 'off' } });
      await until(() => expect(client.getBooleanValue('a', !value)).toBe(value));
    }
  });

  test('[OF10] learns of a change that came between its answer and its stream', async () => {
    await server.declare([booleanFlag('a', false)]);
    let isChanged = false;
    // The provider opens its stream some time after it has its answer: the change comes exactly then.
    vi.stubGlobal(
      'EventSource',
      class extends EventSource {
        constructor(url: string | URL) {
          super(url, {
            fetch: async (input, init) => {
              if (!isChanged) await server.patch('a', { fallthrough: { variation: 'on' } });
              isChanged = true;
              return fetch(input, init);
            },
          });
        }
      },
    );
    const client = await webClient({ targetingKey: 'u' });
    await until(() => expect(client.getBooleanValue('a', false)).toBe(true));
    expect(isChanged).toBe(true);
    vi.stubGlobal('EventSource', EventSource);
  });

  test('[OF8] gets other values for another attribute, though its targeting key is the same', async () => {
    await server.declare([planFlag('plan')]);
    const client = await webClient({ targetingKey: 'u', plan: 'free' });
    expect(client.getBooleanValue('plan', true)).toBe(false);
    await OpenFeature.setContext({ targetingKey: 'u', plan: 'pro' });
    expect(client.getBooleanDetails('plan', false)).toMatchObject({ value: true, reason: 'TARGETING_MATCH' });
  });

  test('[OF10, OF13] catches up after its server was away', async () => {
    await server.declare([booleanFlag('a', false)]);
    const client = await webClient({ targetingKey: 'u' });
    const { port, clientKey } = server;
    await server.close();
    await until(() => expect(client.providerStatus).toBe(ProviderStatus.STALE));
    expect(client.getBooleanValue('a', true)).toBe(false);
    server = await startLive({ port, environment: { DIMMER_BOOTSTRAP_CLIENT_KEY: clientKey } });
    await server.declare([booleanFlag('a', true)]);
    await vi.waitFor(() => expect(client.getBooleanValue('a', false)).toBe(true), { timeout: 40_000 });
  });
});
