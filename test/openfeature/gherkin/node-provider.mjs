import { AsyncLocalStorageTransactionContextPropagator, OpenFeature } from '@openfeature/server-sdk';
import { Dimmer } from '../../../sdk-node/build/index.js';
import { DimmerProvider } from '../../../sdk-node/build/openfeature/index.js';
import { deadUrl, silentUrl } from './unreachable-urls.mjs';

/** The provider of `@dimmer/node/openfeature`, for the steps. `DIMMER_URL` and `DIMMER_KEY` name a server. */
const { DIMMER_URL: url, DIMMER_KEY: key } = process.env;
const WRONG_KEY = `dim_srv_${'0'.repeat(40)}`;
const opened = [];

export const api = OpenFeature;
OpenFeature.setTransactionContextPropagator(new AsyncLocalStorageTransactionContextPropagator());

/** A server's program can say whatever the features say. */
export const inapplicable = [];

export function evaluate(client, method, { flag, fallback, context, options }) {
  return client[method](flag, fallback, context, options);
}

/** @param levels - Contexts by level, as the features name them. */
export async function evaluateWithLevels(
  client,
  { API = {}, Transaction = {}, Client = {}, Invocation = {} },
) {
  OpenFeature.setContext(API);
  client.setContext(Client);
  const asked = { flag: 'boolean-flag', fallback: false, context: Invocation };
  await new Promise((resolve, reject) => {
    OpenFeature.setTransactionContext(Transaction, () => {
      evaluate(client, 'getBooleanDetails', asked).then(resolve, reject);
    });
  });
  OpenFeature.setContext({});
}

export async function make(status) {
  const options = { key, cache: false, reports: false };
  switch (status) {
    case 'stable':
      return OpenFeature.setProviderAndWait(providerOf({ ...options, url }));
    case 'fatal':
      return OpenFeature.setProviderAndWait(providerOf({ ...options, url, key: WRONG_KEY })).catch(
        () => undefined,
      );
    case 'error':
      return OpenFeature.setProviderAndWait(providerOf({ ...options, url: await deadUrl() })).catch(
        () => undefined,
      );
    case 'not ready':
      return OpenFeature.setProvider(providerOf({ ...options, url: await silentUrl(opened) }));
    case 'stale': {
      const response = await fetch(`${url}/sdk/v1/snapshot`, { headers: { authorization: `Bearer ${key}` } });
      const provider = providerOf({ ...options, url: await deadUrl(), bootstrap: await response.json() });
      await OpenFeature.setProviderAndWait(provider);
      // OpenFeature says READY first, and hears a moment later that nothing but what was brought is served.
      return new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function cleanup() {
  OpenFeature.clearHandlers();
  await OpenFeature.clearProviders();
  for (const server of opened.splice(0)) server.close();
}

function providerOf(options) {
  return new DimmerProvider(new Dimmer(options));
}
