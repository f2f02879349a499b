import { Dimmer } from '@dimmer/node';
import type { ValueSnapshot } from '@dimmer/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { PRODUCTION, SERVER } from './rest-harness.ts';

let client: ClientHarness;
let flags: Dimmer;
beforeEach(async () => {
  client = await openClient();
  flags = new Dimmer({ url: client.server.url, key: SERVER, cache: false });
});
afterEach(async () => {
  await flags.close();
  await client.close();
});

const CONTEXTS = [
  {},
  { targetingKey: 'ada' },
  { targetingKey: 'bob', country: 'NO' },
  { targetingKey: '', country: ['NO'], deep: { list: [1, null] } },
];

test('[N100] a bootstrap is what the page would be answered, for every context, after every change', async () => {
  const fallthrough = { rollout: { weights: { on: 50, off: 50 } } };
  await client.flag('split', { enabled: true, fallthrough });
  await client.flag('hidden', { enabled: true }, { exposeToClients: false });
  await client.flag('ruled', {
    enabled: true,
    rules: [
      { id: 'r', when: { attribute: 'country', op: 'in', values: ['NO'] }, serve: { variation: 'on' } },
    ],
    fallthrough: { variation: 'off' },
  });
  await client.flag('nothing', { enabled: false, offVariation: null }, { metadata: { owner: 'shop' } });
  const changes = [
    () => client.configure('split', { fallthrough: { variation: 'on' } }),
    () => client.admin(`POST ${PRODUCTION}/flags/ruled/kill`, { reason: 'test' }),
    () => client.remove('/api/v1/projects/default/flags/nothing'),
  ];
  await equalForEveryContext(3);
  for (const [index, change] of changes.entries()) {
    await change();
    await equalForEveryContext(index < 2 ? 3 : 2);
  }
});

test('[N100] there is none while there are no flags, and what it evaluates is not counted', async () => {
  expect(flags.clientBootstrap({})).toBeUndefined();
  await client.flag('seen');
  await equalForEveryContext(1);
  expect(flags.status().exposures.counted).toBe(0);
});

async function equalForEveryContext(count: number): Promise<void> {
  const { revision } = (await client.admin(`GET ${PRODUCTION}`)) as { revision: number };
  expect(await flags.waitForRevision(revision, { timeoutMs: 40_000 })).toBe(true);
  for (const context of CONTEXTS) {
    const answer = await client.evaluate(context);
    const bootstrap = flags.clientBootstrap(context);
    expect(bootstrap?.objects).toHaveLength(count);
    expect(sorted(JSON.parse(JSON.stringify(bootstrap)))).toEqual(
      sorted((await answer.json()) as ValueSnapshot),
    );
  }
}

/** The order of objects means nothing. */
function sorted(document: ValueSnapshot): ValueSnapshot {
  return {
    ...document,
    objects: [...document.objects].sort((left, right) => (left.key < right.key ? -1 : 1)),
  };
}
