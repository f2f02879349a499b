import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LiveServer } from './live-server.ts';
import { booleanFlag, planFlag, startLive } from './live-server.ts';
import { loadOfrepDescription } from './ofrep-description.ts';

const BULK = '/ofrep/v1/evaluate/flags';
const description = loadOfrepDescription();
let server: LiveServer;

beforeAll(async () => {
  server = await startLive({
    environment: { DIMMER_CORS_ORIGINS: 'https://shop.example', DIMMER_CLIENT_REQUESTS_PER_SECOND: '10000' },
  });
  await server.declare([
    planFlag('plan'),
    booleanFlag('x'.repeat(100), true, {}, { metadata: { team: 'x', tier: 2, hot: true } }),
    booleanFlag('no-value', true, { enabled: false, offVariation: null }),
    booleanFlag('split', true, { fallthrough: { rollout: { weights: { on: 100, off: 0 } } } }),
    booleanFlag('hidden', true, {}, { exposeToClients: false }),
    valueFlag('text', 'string', ''),
    valueFlag('integer', 'number', 0),
    valueFlag('float', 'number', 0.5),
    valueFlag('list', 'json', [1, null, { deep: '' }]),
    valueFlag('null', 'json', null),
  ]);
});

afterAll(() => server.close());

function valueFlag(key: string, type: string, value: unknown): object {
  const configuration = { enabled: true, offVariation: null, fallthrough: { variation: 'only' } };
  return { key, type, variations: { only: { value } }, exposeToClients: true, configuration };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests and the description are what checks the form.
  readonly body: any;
}

/** Asks, and holds every answer against the description. */
async function ask(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', 'x-api-key': server.serverKey, ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });
  const text = await response.text();
  const answered = text === '' ? undefined : JSON.parse(text);
  const route = path.startsWith(`${BULK}/`) ? (`${BULK}/{key}` as const) : BULK;
  if (response.status !== 503)
    expect(description?.faultsOf(route, response.status, answered)).toBeUndefined();
  return { status: response.status, headers: response.headers, body: answered };
}

function one(key: string, context: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(`${BULK}/${encodeURIComponent(key)}`, { context }, headers);
}

test.skipIf(description === undefined)('[OF3] the description itself finds fault with a wrong answer', () => {
  const faults = (body: unknown): string | undefined => description?.faultsOf(`${BULK}/{key}`, 200, body);
  expect(faults({ key: 'a', value: true, reason: 'STATIC' })).toBeUndefined();
  expect(faults({ key: 'a', value: true, reason: 'OFF' })).toMatch('allowed values');
  expect(faults({ key: 'a', value: null, reason: 'STATIC' })).toMatch('NOT be valid');
  expect(faults({ value: true, reason: 'STATIC' })).toMatch('key');
});

test('[OF1] both headers carry a key; no key, an unknown one and an admin key are refused', async () => {
  const bearer = { 'x-api-key': '', authorization: `Bearer ${server.clientKey}` };
  expect((await one('plan', {}, bearer)).status).toBe(200);
  expect((await one('plan')).status).toBe(200);
  for (const path of [BULK, `${BULK}/plan`]) {
    const nobody = await ask(path, { context: {} }, { 'x-api-key': `dim_srv_${'0'.repeat(40)}` });
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
    expect((await ask(path, { context: {} }, { 'x-api-key': '' })).status).toBe(401);
  }
});

test('[OF2] a client key sees only flags that are exposed, and cannot tell others from none', async () => {
  const client = { 'x-api-key': server.clientKey };
  const hidden = await one('hidden', {}, client);
  const absent = await one('absent', {}, client);
  expect(hidden.status).toBe(404);
  expect({ ...hidden.body, key: '' }).toEqual({ ...absent.body, key: '' });
  const keysOf = ({ body }: Answer): string[] => body.flags.map(({ key }: { key: string }) => key);
  expect(keysOf(await ask(BULK, { context: {} }, client))).not.toContain('hidden');
  expect(keysOf(await ask(BULK, { context: {} }))).toContain('hidden');
});

test('[OF3] an answer has value, variant, reason and metadata, of every type', async () => {
  expect((await one('plan', { plan: 'pro' })).body).toEqual({
    key: 'plan',
    value: true,
    variant: 'on',
    reason: 'TARGETING_MATCH',
  });
  expect((await one('x'.repeat(100))).body).toMatchObject({
    reason: 'STATIC',
    metadata: { team: 'x', tier: 2, hot: true },
  });
  const values = { text: '', integer: 0, float: 0.5, list: [1, null, { deep: '' }] };
  for (const [key, value] of Object.entries(values)) {
    expect((await one(key)).body).toEqual({ key, value, variant: 'only', reason: 'STATIC' });
  }
});

test('[OF3, OF5, OF6, OF7] the short way of a server key answers as the ordinary one', async () => {
  const short = { 'x-api-key': '', authorization: `Bearer ${server.serverKey}` };
  const nested = `${'{"a":'.repeat(21)}1${'}'.repeat(21)}`;
  const bodies = [
    { context: { plan: 'pro' } },
    { context: {} },
    { context: 7 },
    { context: { targetingKey: 7 } },
    { context: { plan: 'p\\ro "' } },
    '{',
    {},
    '{"context":{"plan":"p\\u0072o"}}',
    '{"context":{"plan":"\\ud800"}}',
    '{"context":{"plan":"pro","plan":"free"}}',
    `{"context":${nested}}`,
    // As canonical JSON, more than the limit: every number has 21 digits.
    `{"context":{"list":[${Array(1_000).fill('1e20').join()}]}}`,
    `{"context":{"text":"${'x'.repeat(16_400)}"}}`,
    new Uint8Array([...Buffer.from('{"context":{"plan":"'), 0xff, ...Buffer.from('"}}')]),
  ];
  for (const key of ['plan', 'hidden', 'split', 'no-value', 'absent', 'constructor']) {
    for (const body of bodies) {
      const ordinary = await ask(`${BULK}/${key}`, body);
      const quick = await ask(`${BULK}/${key}`, body, short);
      expect([quick.status, quick.body]).toEqual([ordinary.status, ordinary.body]);
      expect(quick.headers.get('cache-control')).toBe('no-store');
      expect(quick.headers.get('x-request-id')).toMatch(/^[0-9a-f]{24}$/);
    }
  }
});

test('[OF4] where the default of the code counts there is no value, and never null', async () => {
  expect((await one('no-value')).body).toEqual({ key: 'no-value', reason: 'DISABLED' });
  expect((await one('null')).body).toEqual({ key: 'null', variant: 'only', reason: 'STATIC' });
});

test('[OF5] a flag that cannot be evaluated is 400, and an entry of the bulk answer', async () => {
  const failure = { key: 'split', errorCode: 'TARGETING_KEY_MISSING', errorDetails: expect.any(String) };
  expect(await one('split')).toMatchObject({ status: 400, body: failure });
  expect((await ask(BULK, { context: {} })).body.flags).toContainEqual(failure);
  expect((await one('split', { targetingKey: 'u' })).body).toMatchObject({ value: true, reason: 'SPLIT' });
});

test('[OF6] keys are decoded once, and answered as they were asked', async () => {
  for (const key of ['a/b', 'grüße', 'a?b', 'a%2Fb', '日本語', 'constructor', '__proto__']) {
    expect((await one(key)).body).toMatchObject({ key, errorCode: 'FLAG_NOT_FOUND' });
  }
  const raw = await ask(`${BULK}/a/b`, { context: {} });
  expect(raw).toMatchObject({ status: 404, body: { key: 'a/b', errorCode: 'FLAG_NOT_FOUND' } });
});

test.each([
  ['no JSON', '{', 'PARSE_ERROR'],
  ['nothing', '', 'PARSE_ERROR'],
  ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'PARSE_ERROR'],
  ['a list', [], 'INVALID_CONTEXT'],
  ['no context', {}, 'INVALID_CONTEXT'],
  ['null', { context: null }, 'INVALID_CONTEXT'],
  ['a list as context', { context: [] }, 'INVALID_CONTEXT'],
  ['a number as targeting key', { context: { targetingKey: 7 } }, 'INVALID_CONTEXT'],
  ['too much', { context: { much: 'x'.repeat(20_000) } }, 'INVALID_CONTEXT'],
  ['too deep', `{"context":{"deep":${'['.repeat(2_000)}${']'.repeat(2_000)}}}`, 'INVALID_CONTEXT'],
])('[OF7] a body with %s is 400 with a code', async (_, body, errorCode) => {
  const bulk = await ask(BULK, body);
  expect(bulk).toMatchObject({ status: 400, body: { errorCode, errorDetails: expect.any(String) } });
  expect(bulk.body).not.toHaveProperty('key');
  expect(await ask(`${BULK}/plan`, body)).toMatchObject({ status: 400, body: { key: 'plan', errorCode } });
});

test('[OF7] an empty context, and one without a targeting key, are answered', async () => {
  for (const context of [{}, { plan: 'free' }, { targetingKey: '' }]) {
    expect((await one('plan', context)).status).toBe(200);
  }
});

test('[OF8] the ETag covers configuration, audience and context, whatever the order of attributes', async () => {
  const tagOf = async (context: object, key = server.serverKey): Promise<string> =>
    (await ask(BULK, { context }, { 'x-api-key': key })).headers.get('etag') ?? '';
  const tag = await tagOf({ targetingKey: 'u', plan: 'free' });
  expect(await tagOf({ plan: 'free', targetingKey: 'u' })).toBe(tag);
  expect(await tagOf({ targetingKey: 'u', plan: 'pro' })).not.toBe(tag);
  expect(await tagOf({ targetingKey: 'u', plan: 'free' }, server.clientKey)).not.toBe(tag);
  const context = { targetingKey: 'u', plan: 'free' };
  const same = await ask(BULK, { context }, { 'if-none-match': tag });
  expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, undefined, tag]);
  await server.patch('plan', { enabled: false });
  expect((await ask(BULK, { context }, { 'if-none-match': tag })).status).toBe(200);
  await server.patch('plan', { enabled: true });
});

test('[OF9] a bulk answer names its revision, and a stream whose URL has no context and no secret', async () => {
  const { body } = await ask(BULK, { context: { targetingKey: 'secret-user' } });
  expect(body.metadata.revision).toBeGreaterThan(0);
  const [{ type, endpoint, inactivityDelaySec }] = body.eventStreams;
  expect([type, inactivityDelaySec]).toEqual(['sse', 120]);
  expect(endpoint.requestUri).toMatch(/^\/ofrep\/v1\/stream\?/);
  expect(endpoint.requestUri).toContain(
    encodeURIComponent(`${body.metadata.epoch}:${body.metadata.revision}`),
  );
  for (const secret of ['secret-user', server.serverKey]) expect(endpoint.requestUri).not.toContain(secret);
});

test('[OF14] a bulk request after an event is answered at that revision, or with what there is in time', async () => {
  const { body } = await ask(BULK, { context: {} });
  const { epoch, revision } = body.metadata;
  const ahead = await ask(`${BULK}?flagConfigEtag=${epoch}:${revision + 1_000}`, { context: {} });
  expect(ahead.body.metadata).toEqual({ epoch, revision });
  const nonsense = await ask(`${BULK}?flagConfigEtag=x&flagConfigLastModified=y`, { context: {} });
  expect(nonsense.status).toBe(200);
});

test('[OF16] pages of the origins that are set may ask, and read ETag and Retry-After', async () => {
  const options = (origin: string) =>
    fetch(`${server.url}${BULK}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,if-none-match',
      },
    });
  const preflight = (await options('https://shop.example')).headers;
  expect(preflight.get('access-control-allow-origin')).toBe('https://shop.example');
  const allowed = preflight.get('access-control-allow-headers')?.split(',');
  const sent = ['authorization', 'content-type', 'if-none-match', 'x-api-key', 'dimmer-context-hash'];
  expect(allowed).toEqual(expect.arrayContaining(sent));
  expect((await options('https://other.example')).headers.get('access-control-allow-origin')).toBeNull();
  const context = {};
  for (const path of [BULK, `${BULK}/plan`, `${BULK}/absent`]) {
    const { headers } = await ask(path, { context }, { origin: 'https://shop.example' });
    expect(headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(headers.get('access-control-expose-headers')).toMatch(/ETag.*Retry-After/);
  }
});

test('[OF17] client keys that ask too often are told when to come back; server keys never', async () => {
  const limited = await startLive({ environment: { DIMMER_CLIENT_REQUESTS_PER_SECOND: '1' } });
  const post = (key: string) =>
    fetch(`${limited.url}${BULK}`, { method: 'POST', headers: { 'x-api-key': key }, body: '{"context":{}}' });
  const answers = await Promise.all(Array.from({ length: 5 }, () => post(limited.clientKey)));
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  for (let count = 0; count < 5; count += 1) expect((await post(limited.serverKey)).status).toBe(200);
  await limited.close();
});

test('[OF15] neither keys nor contexts are logged', async () => {
  await one('plan', { targetingKey: 'secret-user' });
  await ask(BULK, { context: { targetingKey: 'secret-user' } });
  const log = server.log.join('');
  expect(log).toContain('/ofrep/v1/evaluate/flags');
  for (const secret of ['secret-user', server.serverKey, 'signature=']) expect(log).not.toContain(secret);
});
