import { createHash } from 'node:crypto';
import type { EnvironmentKeys, InstanceView } from '@dimmer/schema/rest';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AskOptions, ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { ADMIN, CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

let client: ClientHarness;
beforeEach(async () => {
  client = await openClient();
});
afterEach(() => client.close());

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function askKeys(headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${client.server.url}/sdk/v1/keys`, {
    headers: { authorization: `Bearer ${SERVER}`, ...headers },
  });
}

it('[RL1] tells a server key who may ask for its environment, and nothing that opens or signs', async () => {
  const answer = await askKeys();
  const text = await answer.text();
  const told = JSON.parse(text) as EnvironmentKeys;
  expect(told).toMatchObject({ project: 'default', environment: 'production', secureMode: false });
  const expected = [SERVER, CLIENT].map((secret) => sha256(sha256(secret)));
  expect(told.keys.map(({ fingerprint }) => fingerprint).sort()).toEqual(expected.sort());
  expect(told.keys.map(({ kind }) => kind).sort()).toEqual(['client', 'server']);
  for (const secret of [SERVER, CLIENT, ADMIN]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(sha256(secret));
  }
});

it('[RL1] gives what signs contexts of server keys in secure mode, and of no other key', async () => {
  await fetch(`${client.server.url}${PRODUCTION}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ secureMode: true }),
  });
  client.pass(1_000);
  const text = await (await askKeys()).text();
  const told = JSON.parse(text) as EnvironmentKeys;
  expect(told.secureMode).toBe(true);
  expect(told.keys.find(({ kind }) => kind === 'server')?.signer).toBe(sha256(SERVER));
  expect(text).not.toContain(sha256(CLIENT));
});

it('[RL1] answers 304 to who has the keys, until one is made', async () => {
  const etag = (await askKeys()).headers.get('etag') ?? '';
  expect((await askKeys({ 'if-none-match': etag })).status).toBe(304);
  await client.admin(`POST ${PRODUCTION}/keys`, { name: 'another', kind: 'client' });
  const changed = await askKeys({ 'if-none-match': etag });
  expect(changed.status).toBe(200);
  expect(((await changed.json()) as EnvironmentKeys).keys).toHaveLength(3);
});

it('[RL1] opens to server keys alone', async () => {
  const asked = (key: string): Promise<number> =>
    askKeys({ authorization: `Bearer ${key}` }).then(({ status }) => status);
  expect([await asked(CLIENT), await asked(ADMIN), await asked(`dim_srv_${'z'.repeat(32)}`)]).toEqual([
    403, 403, 401,
  ]);
});

function report(instance: string, fields: object = {}, status: object = {}): object {
  return {
    instance: { id: instance, sdk: { name: '@dimmer/node', version: '1' }, runningMs: 60_000 },
    status: {
      state: 'LIVE',
      mode: 'stream',
      epoch: 'e',
      revision: 1,
      ageMs: 0,
      clockOffsetMs: null,
      ...status,
    },
    applied: [],
    ...fields,
  };
}

const forwarded = (told: object, heldMs = 0): object => ({ via: 'relay-1', heldMs, report: told });
const asServer: AskOptions = { key: SERVER };
const send = (body: object): Promise<Response> => client.post('/sdk/v1/report', body, asServer);

async function instances(): Promise<readonly InstanceView[]> {
  const page = (await client.admin(`GET ${PRODUCTION}/instances`)) as { readonly items: InstanceView[] };
  return page.items;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${client.server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

it('[RL2] counts each report of a bundle as if it had come by itself', async () => {
  const batch = {
    id: 'b1',
    exposures: [{ flag: 'seen', variation: 'on', reason: 'SPLIT', count: 3 }],
    events: [{ name: 'bought' }],
    dropped: { exposures: 1, events: 0 },
  };
  const broken = { via: 'relay-1', heldMs: 0, report: { instance: 'nobody' } };
  const reports = [forwarded(report('a')), broken, forwarded(report('b', { batch }), 5_000)];
  expect((await send({ id: '1', reports })).status).toBe(202);
  expect(await instances()).toMatchObject([
    { id: 'a', via: 'relay-1', startedAt: '2026-11-21T08:59:00.000Z' },
    { id: 'b', via: 'relay-1', startedAt: '2026-11-21T08:58:55.000Z', dropped: { exposures: 1 } },
  ]);
  expect(await metric('dimmer_reports_total{outcome="counted"}')).toBe(2);
  expect(await metric('dimmer_reports_total{outcome="invalid"}')).toBe(1);
  expect(await metric('dimmer_tracked_events_total')).toBe(1);
});

it('[RL2] counts a bundle once', async () => {
  const batch = { id: 'b1', exposures: [], events: [{ name: 'bought' }] };
  const farewell = forwarded(report('a', { batch }, { state: 'CLOSED' }));
  for (const id of ['1', '1', '2']) await send({ id, reports: [farewell] });
  expect(await metric('dimmer_tracked_events_total')).toBe(2);
});

it('[RL2] counts what browsers told a relay', async () => {
  const batch = { id: 'b1', exposures: [], events: [], dropped: { exposures: 4, events: 0 } };
  for (const id of ['1', '2']) await send({ id, reports: [], clients: [{ instance: 'page', batch }] });
  expect(await metric('dimmer_client_exposures_dropped_total')).toBe(4);
  expect(await instances()).toEqual([]);
});

it('[RL2] lets the younger of two reports say where the instance stands', async () => {
  await send({ id: '1', reports: [forwarded(report('a', {}, { revision: 7 }), 10)] });
  await send({ id: '2', reports: [forwarded(report('a', {}, { revision: 6 }), 900)] });
  expect(await instances()).toMatchObject([{ revision: 7 }]);
});

it('[RL2] refuses a bundle that is none, and counts nothing of it', async () => {
  const answers = await Promise.all([send({ reports: [] }), send({ id: '1', reports: 7 })]);
  expect(answers.map(({ status }) => status)).toEqual([400, 400]);
});

it('[RL3] an instance that says nothing runs while its stream is open at a relay', async () => {
  await send({ id: '1', reports: [forwarded(report('a')), forwarded(report('b'))] });
  client.pass(80_000);
  await send({ id: '2', reports: [], connected: ['b', 'never-heard-of'] });
  client.pass(80_000);
  expect((await instances()).map(({ id }) => id)).toEqual(['b']);
});
