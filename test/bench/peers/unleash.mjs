import { createServer } from 'node:http';
import { InMemStorageProvider, Unleash } from 'unleash-client';
import { ADULT_AGE, NORDICS, SENIOR_AGE, SPLIT_PERCENT, STAFF_SUFFIX } from '../evaluation/workload.mjs';

/**
 * unleash-client, started against a local server that hands out the definitions and takes the metrics, with
 * its default intervals: metrics are counted and sent as in production. A flag that is on has no strategies,
 * the shortest path that the SDK has.
 */
export async function createUnleash() {
  const server = await serveDefinitions();
  const unleash = new Unleash({
    appName: 'bench',
    url: `http://127.0.0.1:${server.address().port}/api/`,
    storageProvider: new InMemStorageProvider(),
  });
  await new Promise((resolve, reject) => unleash.once('synchronized', resolve).once('error', reject));
  return {
    name: 'unleash-client',
    contextOf: ({ key, ...properties }) => ({ userId: key, properties }),
    flags: flagsOf(unleash),
    close() {
      unleash.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

function flagsOf(unleash) {
  return {
    banner: {
      serve: (context) => unleash.isEnabled('banner', context, false),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (unleash.isEnabled('banner', context, false)) on += 1;
        return on;
      },
    },
    checkout: {
      serve: (context) => unleash.isEnabled('checkout', context, false),
      run(contexts) {
        let on = 0;
        for (const context of contexts) if (unleash.isEnabled('checkout', context, false)) on += 1;
        return on;
      },
    },
    pricing: {
      serve: (context) => unleash.getVariant('pricing', context).name,
      run(contexts) {
        let alpha = 0;
        for (const context of contexts)
          if (unleash.getVariant('pricing', context).name === 'alpha') alpha += 1;
        return alpha;
      },
    },
  };
}

async function serveDefinitions() {
  const body = JSON.stringify({ version: 2, features: [banner, checkout, pricing] });
  const server = createServer((request, response) => {
    const isFetch = request.method === 'GET';
    request.resume();
    response.writeHead(isFetch ? 200 : 202, { 'content-type': 'application/json', etag: '"1"' });
    response.end(isFetch ? body : '{}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return server;
}

const banner = { name: 'banner', type: 'release', enabled: true, strategies: [] };

const checkout = {
  name: 'checkout',
  type: 'release',
  enabled: true,
  strategies: [
    { name: 'flexibleRollout', parameters: { rollout: '25', stickiness: 'userId', groupId: 'checkout' } },
  ],
};

const variant = (name, percent) => ({ name, weight: percent * 10, stickiness: 'userId' });

const everyoneWho = (constraints, variants) => ({
  name: 'flexibleRollout',
  parameters: { rollout: '100', stickiness: 'userId', groupId: 'pricing' },
  constraints,
  variants,
});

const pricing = {
  name: 'pricing',
  type: 'release',
  enabled: true,
  strategies: [
    everyoneWho([{ contextName: 'country', operator: 'IN', values: NORDICS }], [variant('alpha', 100)]),
    everyoneWho(
      [{ contextName: 'email', operator: 'STR_ENDS_WITH', values: [STAFF_SUFFIX] }],
      [variant('beta', 100)],
    ),
    everyoneWho(
      [
        { contextName: 'plan', operator: 'IN', values: ['pro'] },
        { contextName: 'age', operator: 'NUM_GTE', values: [], value: String(SENIOR_AGE) },
      ],
      [variant('gamma', 100)],
    ),
    everyoneWho(
      [{ contextName: 'age', operator: 'NUM_LT', values: [], value: String(ADULT_AGE) }],
      [variant('beta', 100)],
    ),
    everyoneWho([{ contextName: 'plan', operator: 'IN', values: ['enterprise'] }], [variant('alpha', 100)]),
    everyoneWho(
      [],
      Object.entries(SPLIT_PERCENT).map(([name, percent]) => variant(name, percent)),
    ),
  ],
};
