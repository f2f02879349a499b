import { OpenFeature } from '@openfeature/web-sdk';
import { DimmerProvider } from '../../../sdk-browser/dist/openfeature.mjs';
import { deadUrl, silentUrl } from './unreachable-urls.mjs';

/**
 * The provider of `@dimmer/browser/openfeature` as it is published, for the steps. `DIMMER_URL` and `DIMMER_KEY` name
 * a server.
 */
const { DIMMER_URL: url, DIMMER_KEY: key } = process.env;
const WRONG_KEY = `dim_cli_${'0'.repeat(40)}`;
const opened = [];

export const api = OpenFeature;

/** What pages cannot say: for them OpenFeature has one static context, set before, and calls that answer at once. */
export const inapplicable = [
  {
    step: /"(Transaction|Client|Invocation|Before Hooks)" level/,
    reason: 'the web SDK has a static context: none of a transaction, a client, a call or a hook',
  },
  {
    step: /evaluated with details asynchronously/,
    reason: 'calls of the web SDK are synchronous: they answer from memory',
  },
];

/** The context of a page is set, and its values are here, before anything is asked. */
export async function evaluate(client, method, { flag, fallback, context, options }) {
  if (Object.keys(context).length > 0) await OpenFeature.setContext(context);
  return client[method](flag, fallback, options);
}

/** @param levels - Contexts by level; of pages, that of the API. */
export function evaluateWithLevels(client, { API }) {
  return evaluate(client, 'getBooleanDetails', { flag: 'boolean-flag', fallback: false, context: API });
}

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

async function evaluated() {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/client/v1/evaluate`, {
    method: 'POST',
    headers,
    body: '{"context":{}}',
  });
  return response.json();
}
