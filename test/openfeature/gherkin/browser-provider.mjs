import { AsyncLocalStorage } from 'node:async_hooks';
import { OpenFeature } from '@openfeature/web-sdk';
import { DimmerProvider } from '../../../sdk-browser/dist/openfeature.mjs';
import { deadUrl, silentUrl } from './unreachable-urls.mjs';

/**
 * The provider of `@dimmer/browser/openfeature` as it is published, for the steps. `DIMMER_URL` and `DIMMER_KEY` name
 * a server.
 *
 * The features speak of contexts of a call, a transaction and a client; for pages OpenFeature has one context, set
 * before. A bridge merges the levels in the order of the specification, as a page would have to, sets the result, and
 * evaluates when its values are here. So rows about merging show what reaches the provider, not who merged.
 */
const { DIMMER_URL: url, DIMMER_KEY: key } = process.env;
const WRONG_KEY = `dim_cli_${'0'.repeat(40)}`;
const opened = [];
const transaction = new AsyncLocalStorage();
let global = {};

export const api = {
  clearHooks: () => OpenFeature.clearHooks(),
  setContext: (context) => {
    global = context;
  },
  setTransactionContext: (context, run) => transaction.run(context, run),
  getClient: () => bridged(OpenFeature.getClient()),
};

export async function make(status) {
  const options = { key, persistence: false, reports: false, logger: { warn: () => undefined } };
  const set = (changes) =>
    OpenFeature.setProviderAndWait(new DimmerProvider({ ...options, url, ...changes }));
  switch (status) {
    case 'stable':
      return set({});
    case 'fatal':
      return set({ key: WRONG_KEY }).catch(() => undefined);
    case 'error':
      return set({ url: await deadUrl() }).catch(() => undefined);
    case 'not ready':
      return OpenFeature.setProvider(new DimmerProvider({ ...options, url: await silentUrl(opened) }));
    case 'stale': {
      const bootstrap = await evaluated();
      await set({ url: await deadUrl(), bootstrap });
      // OpenFeature says READY first, and hears a moment later that nothing but what was brought is served.
      return new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function cleanup() {
  OpenFeature.clearHandlers();
  await OpenFeature.clearProviders();
  await OpenFeature.clearContexts();
  for (const server of opened.splice(0)) server.close();
}

function bridged(client) {
  let own = {};
  let hooks = [];
  const evaluate =
    (method) =>
    async (flag, fallback, context = {}, options = {}) => {
      const merged = { ...global, ...transaction.getStore(), ...own, ...context };
      // What a hook adds before the call has to be there before the call.
      for (const hook of hooks) Object.assign(merged, hook.before?.());
      if (client.providerStatus === 'READY') await OpenFeature.setContext(merged);
      return client[method](flag, fallback, options);
    };
  const methods = ['Boolean', 'String', 'Number', 'Object'].map((type) => `get${type}Details`);
  return {
    get providerStatus() {
      return client.providerStatus;
    },
    setContext: (context) => {
      own = context;
    },
    addHooks: (hook) => {
      hooks = [...hooks, hook];
      client.addHooks({ ...hook, before: undefined });
    },
    ...Object.fromEntries(methods.map((method) => [method, evaluate(method)])),
  };
}

async function evaluated() {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/client/v1/evaluate`, {
    method: 'POST',
    headers,
    body: '{"context":{}}',
  });
  return response.json();
}
