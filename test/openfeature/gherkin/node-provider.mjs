import { createServer } from 'node:net';
import { AsyncLocalStorageTransactionContextPropagator, OpenFeature } from '@openfeature/server-sdk';
import { Dimmer } from '../../../sdk-node/build/index.js';
import { DimmerProvider } from '../../../sdk-node/build/openfeature/index.js';

/** The provider of `@dimmer/node/openfeature`, for the steps. `DIMMER_URL` and `DIMMER_KEY` name a server. */
const { DIMMER_URL: url, DIMMER_KEY: key } = process.env;
const WRONG_KEY = `dim_srv_${'0'.repeat(40)}`;
const opened = [];

export const api = OpenFeature;
OpenFeature.setTransactionContextPropagator(new AsyncLocalStorageTransactionContextPropagator());

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
      return OpenFeature.setProvider(providerOf({ ...options, url: await silentUrl() }));
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

/** Where nothing listens any more. */
function deadUrl() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(`http://127.0.0.1:${port}`));
    });
  });
}

/** Of a server that takes connections and never says a word. */
function silentUrl() {
  const sockets = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  opened.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}
