import { digestOfAll } from '@dimmer/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { ADMIN, CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

let client: ClientHarness;
beforeEach(async () => {
  client = await openClient();
});
afterEach(() => client.close());

const forNorway = {
  enabled: true,
  rules: [{ id: 'r', when: { attribute: 'country', op: 'in', values: ['NO'] }, serve: { variation: 'on' } }],
  fallthrough: { variation: 'off' },
};
/** The same answer for everybody who is in neither country. */
const forFinland = {
  rules: [{ id: 'r', when: { attribute: 'country', op: 'in', values: ['FI'] }, serve: { variation: 'on' } }],
};

describe('values for a context', () => {
  it('[A100] are those of the exposed flags, with a digest that adds up', async () => {
    await client.flag('seen', forNorway);
    await client.flag('unseen', forNorway, { exposeToClients: false });
    const body = await client.values({ targetingKey: 'u', country: 'NO' });
    expect(body.objects).toEqual([
      {
        kind: 'value',
        key: 'seen',
        version: expect.any(Number),
        type: 'boolean',
        value: true,
        variation: 'on',
        reason: 'RULE_MATCH',
      },
    ]);
    expect(body.digest).toBe(digestOfAll(body.objects));
    expect(body).toMatchObject({ protocol: 1, epoch: expect.any(String), revision: expect.any(Number) });
  });

  it('[A101] are answered with 304 while neither they nor the context can have changed', async () => {
    await client.flag('seen', forNorway);
    const first = await client.evaluate({ a: 1, b: 2 });
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[A-Za-z0-9]+:\d+:[\da-f]{16}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const again = { headers: { 'if-none-match': etag } };
    expect((await client.evaluate({ b: 2, a: 1 }, again)).status).toBe(304);
    expect((await client.evaluate({ a: 1, b: 3 }, again)).status).toBe(200);
    await client.configure('seen', { enabled: false });
    expect((await client.evaluate({ a: 1, b: 2 }, again)).status).toBe(200);
  });

  it.each([
    ['no context', undefined],
    ['a list', []],
    ['a text', 'user-1'],
    ['null', null],
    ['a targetingKey that is no text', { targetingKey: 7 }],
    ['a targetingKey of null', { targetingKey: null }],
    ['one that nests too deeply', JSON.parse(`${'{"a":'.repeat(21)}1${'}'.repeat(21)}`)],
    ['one that is too large', { text: 'x'.repeat(16_400) }],
    ['one that is far too large', { text: 'x'.repeat(200_000) }],
    ['one that is no Unicode', { text: '\ud800' }],
  ])('[A105] %s is a bad context', async (_, context) => {
    const answer = await client.evaluate(context);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'BAD_CONTEXT', remedy: expect.any(String) });
  });

  it.each([
    ['no JSON', '{', 'INVALID_JSON'],
    ['no object', '[]', 'INVALID_REQUEST'],
    ['an own __proto__', '{"context":{"__proto__":{}}}', 'INVALID_JSON'],
  ])('[A105] a body with %s is refused', async (_, body, code) => {
    expect(await (await client.post('/client/v1/evaluate', body)).json()).toMatchObject({
      status: 400,
      code,
    });
  });

  it('[A105] a context needs no targetingKey, and may hold anything else', async () => {
    await client.flag('seen', forNorway);
    for (const context of [{}, { deep: { list: [1, { a: null }] } }, { targetingKey: '' }]) {
      expect((await client.evaluate(context)).status).toBe(200);
    }
  });

  it('[A100] need a client key, which opens nothing else', async () => {
    expect((await client.evaluate({}, { key: '' })).status).toBe(401);
    expect((await client.evaluate({}, { key: SERVER })).status).toBe(403);
    expect((await client.evaluate({}, { key: ADMIN })).status).toBe(403);
    for (const path of ['/sdk/v1/snapshot', '/sdk/v1/stream', PRODUCTION]) {
      const answer = await fetch(`${client.server.url}${path}`, {
        headers: { authorization: `Bearer ${CLIENT}` },
      });
      expect(answer.status).toBe(403);
      await answer.body?.cancel();
    }
  });
});

describe('a stream of values', () => {
  it('[D31] brings everything, then one commit for each revision, empty where no answer changed', async () => {
    await client.flag('a', forNorway);
    const stream = await client.stream({ context: { country: 'SE' } });
    await stream.until(({ type }) => type === 'commit');
    expect(stream.events.map(({ message }) => message.type)).toEqual(['hello', 'put', 'commit']);
    await client.configure('a', forFinland);
    await client.configure('a', { fallthrough: { variation: 'on' } });
    const { revision } = (await client.admin(`GET ${PRODUCTION}`)) as { revision: number };
    await stream.until((message) => message.type === 'commit' && message.revision === revision);
    expect(stream.events.slice(3).map(({ message }) => message.type)).toEqual(['commit', 'put', 'commit']);
    expect(stream.events.at(-1)?.id).toMatch(new RegExp(`^[A-Za-z0-9]+:${revision}$`));
    stream.stop();
  });

  it('[D31] a flag that is not exposed any more is deleted, and the digest follows', async () => {
    await client.flag('a');
    await client.flag('b');
    const stream = await client.stream({ context: {} });
    await stream.until(({ type }) => type === 'commit');
    await client.admin('PATCH /api/v1/projects/default/flags/a', { exposeToClients: false });
    await stream.until(({ type }) => type === 'delete');
    const last = await stream.until(
      (message) => message.type === 'commit' && message !== stream.events.find(isCommit)?.message,
    );
    const fresh = await client.values({});
    expect(fresh.objects.map(({ key }) => key)).toEqual(['b']);
    expect(last).toMatchObject({ digest: fresh.digest });
    stream.stop();
  });

  it('[D32] begins with nothing where the reader holds the values of its context, whatever happened', async () => {
    await client.flag('a', forNorway);
    const { epoch, revision, digest } = await client.values({ country: 'SE' });
    const since = `${epoch}:${revision}`;
    const mode = async (body: object): Promise<unknown> => {
      const stream = await client.stream(body);
      const hello = await stream.until(({ type }) => type === 'hello');
      stream.stop();
      return hello;
    };
    const context = { country: 'SE' };
    expect(await mode({ context, since, digest })).toMatchObject({ mode: 'none' });
    expect(await mode({ context: { country: 'NO' }, since, digest })).toMatchObject({ mode: 'full' });
    expect(await mode({ context, since: `${epoch}:${revision + 9}`, digest })).toMatchObject({
      mode: 'full',
    });
    expect(await mode({ context, since: `other:${revision}`, digest })).toMatchObject({ mode: 'full' });
    expect(await mode({ context, since })).toMatchObject({ mode: 'full' });
    await client.configure('a', forFinland);
    expect(await mode({ context, since, digest })).toMatchObject({ mode: 'delta' });
  });

  it('[D31] a kill is told as such', async () => {
    await client.flag('a');
    const stream = await client.stream({ context: {} });
    await stream.until(({ type }) => type === 'commit');
    await client.admin(`POST ${PRODUCTION}/flags/a/kill`, { reason: 'test' });
    expect(await stream.until((message) => message.type === 'commit' && message.kill === true)).toBeDefined();
    expect(stream.events.at(-2)?.message).toMatchObject({ object: { reason: 'KILLED' } });
    stream.stop();
  });

  it('[D33] one change costs one evaluation per stream, however many flags are exposed', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await client.flag(key, forNorway);
    const streams = await Promise.all(
      ['NO', 'SE', 'DK'].map((country) => client.stream({ context: { country } })),
    );
    await Promise.all(streams.map((stream) => stream.until(({ type }) => type === 'commit')));
    const before = await evaluations();
    await client.configure('b', { rules: [] });
    const { revision } = (await client.admin(`GET ${PRODUCTION}`)) as { revision: number };
    for (const stream of streams) {
      await stream.until((message) => message.type === 'commit' && message.revision === revision);
      stream.stop();
    }
    expect((await evaluations()) - before).toBe(3);
  });

  async function evaluations(): Promise<number> {
    const text = await (await fetch(`${client.server.url}/metrics`)).text();
    return Number(/^dimmer_client_evaluations_total (\d+)$/m.exec(text)?.[1]);
  }
});

function isCommit({ message }: { readonly message: { readonly type: string } }): boolean {
  return message.type === 'commit';
}
