import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

let client: ClientHarness;
beforeEach(async () => {
  client = await openClient();
  await client.flag('seen');
  await client.flag('hidden', { enabled: true }, { exposeToClients: false });
});
afterEach(() => client.close());

const exposure = (flag: string, fields = {}) => ({
  flag,
  variation: 'on',
  reason: 'FALLTHROUGH',
  count: 3,
  ...fields,
});

function report(id: string, exposures: readonly object[], fields = {}) {
  return {
    instance: { id: 'page-1', sdk: { name: '@dimmer/browser', version: '1' }, runningMs: 5 },
    status: { state: 'LIVE', mode: 'stream', epoch: null, revision: null, ageMs: 0, clockOffsetMs: null },
    batch: { id, exposures, events: [], dropped: { exposures: 2, events: 0 } },
    ...fields,
  };
}

const send = (body: unknown, options = {}) => client.post('/client/v1/report', body, options);

/** Closing writes what was counted; another server on the storage would show it. Metrics show it at once. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${client.server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

it('[R15] is taken with a client key, in a header or as `key` in a body of any media type', async () => {
  expect((await send(report('1', [exposure('seen')]))).status).toBe(202);
  const plain = { key: '', headers: { 'content-type': 'text/plain;charset=UTF-8' } };
  expect((await send(report('2', [], { key: CLIENT }), plain)).status).toBe(202);
  expect((await send(report('3', [], { key: SERVER }), plain)).status).toBe(403);
  expect((await send(report('4', []), plain)).status).toBe(401);
  expect((await send('{', plain)).status).toBe(401);
  expect((await send('{')).status).toBe(400);
});

it('[R15] counts a batch once, and what the browser dropped', async () => {
  for (const id of ['1', '1', '2']) await send(report(id, [exposure('seen')]));
  expect(await metric('dimmer_reports_total{outcome="counted"}')).toBe(2);
  expect(await metric('dimmer_reports_total{outcome="repeated"}')).toBe(1);
  expect(await metric('dimmer_client_exposures_dropped_total')).toBe(4);
});

it('[R15] lists no browser', async () => {
  await send(report('1', [exposure('seen')]));
  expect(await client.admin(`GET ${PRODUCTION}/instances`)).toMatchObject({ items: [] });
});
