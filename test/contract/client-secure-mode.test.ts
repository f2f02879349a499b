import { createHash, createHmac } from 'node:crypto';
import { canonicalJson } from '@dimmer/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startStopwatch } from '../faults/processor-wait.ts';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { CLIENT, PRODUCTION, SERVER } from './rest-harness.ts';

const EVALUATE = '/client/v1/evaluate';
const BULK = '/ofrep/v1/evaluate/flags';

let client: ClientHarness;
const open = async (environment: Record<string, string> = {}): Promise<void> => {
  client = await openClient(environment);
};
afterEach(() => client.close());

describe('secure mode', () => {
  beforeEach(async () => {
    await open();
    await client.flag('seen');
    await client.admin(`PATCH ${PRODUCTION}`, { secureMode: true });
  });

  const sign = (context: object, secret = SERVER): string => {
    const keyHash = createHash('sha256').update(secret).digest('hex');
    return createHmac('sha256', keyHash).update(JSON.stringify(context)).digest('hex');
  };
  const statusOf = async (context: object, hash?: unknown): Promise<number> =>
    (await client.evaluate(context, { fields: { hash } })).status;

  // Written as RFC 8785 writes them, so that this test needs no canonical JSON of its own.
  it.each([
    ['flat', { plan: 'pro', targetingKey: 'user-1' }],
    ['of several levels', { a: { b: [{ c: 1, d: null }], z: true }, targetingKey: 'user-1' }],
    ['beyond ASCII', { name: 'Bjørn 🎈', ö: '\u20ac' }],
    ['with numbers', { large: 1e21, small: 1e-7, whole: 333333333.3333333 }],
    ['empty', {}],
  ])('[A108] a context that is %s and signed is answered (SEC-4)', async (_, context) => {
    expect(canonicalJson(context as Parameters<typeof canonicalJson>[0])).toBe(JSON.stringify(context));
    expect(await statusOf(context, sign(context))).toBe(200);
  });

  it('[A108] the order of names makes no difference', async () => {
    const hash = sign({ a: { c: 2, d: 3 }, b: 1 });
    expect(await statusOf({ b: 1, a: { d: 3, c: 2 } }, hash)).toBe(200);
  });

  it.each([
    ['none', (_: string) => undefined],
    ['one of another context', () => sign({ targetingKey: 'user-2' })],
    ['one that is cut', (hash: string) => hash.slice(0, 32)],
    ['one that is longer', (hash: string) => `${hash}00`],
    ['an empty one', () => ''],
    ['one that is no text', () => 7],
    ['one of a client key', () => sign({ targetingKey: 'user-1' }, CLIENT)],
  ])('[A108] with the hash: %s, it is refused', async (_, change) => {
    const context = { targetingKey: 'user-1' };
    const fields = { hash: change(sign(context)) };
    for (const path of [EVALUATE, '/client/v1/stream']) {
      const answer = await client.post(path, { context, ...fields });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: 'SECURE_MODE_HASH' });
    }
  });

  it('[A108] keys rotate with overlap; one that was deleted signs nothing', async () => {
    const context = { targetingKey: 'user-1' };
    const made = (await client.admin(`POST ${PRODUCTION}/keys`, { kind: 'server', name: 'next' })) as {
      readonly id: string;
      readonly secret: string;
    };
    expect(await statusOf(context, sign(context, made.secret))).toBe(200);
    expect(await statusOf(context, sign(context))).toBe(200);
    await client.remove(`${PRODUCTION}/keys/${made.id}`);
    expect(await statusOf(context, sign(context, made.secret))).toBe(403);
  });

  it('[A111] turning it on ends the streams whose context nobody signed, within 5 s (SEC-4)', async () => {
    await client.admin(`PATCH ${PRODUCTION}`, { secureMode: false });
    client.pass(1_000);
    const context = { targetingKey: 'user-1' };
    const open = await client.stream({ context });
    await client.admin(`PATCH ${PRODUCTION}`, { secureMode: true });
    const takenMs = startStopwatch();
    client.pass(1_000);
    const signed = await client.stream({ context, hash: sign(context) });
    expect(await open.until(({ type }) => type === 'goodbye')).toMatchObject({ reason: 'revoked' });
    expect(takenMs()).toBeLessThan(5_000);
    await client.configure('seen', { enabled: false });
    await signed.until((message) => message.type === 'put' && message !== signed.events[1]?.message);
    expect(signed.events.map(({ message }) => message.type)).not.toContain('goodbye');
    signed.stop();
  });

  it('[A111] the stream of a context ends with the key that signed it', async () => {
    const context = { targetingKey: 'user-1' };
    const made = (await client.admin(`POST ${PRODUCTION}/keys`, { kind: 'server', name: 'leaked' })) as {
      readonly id: string;
      readonly secret: string;
    };
    const stream = await client.stream({ context, hash: sign(context, made.secret) });
    const other = await client.stream({ context, hash: sign(context) });
    await client.remove(`${PRODUCTION}/keys/${made.id}`);
    expect(await stream.until(({ type }) => type === 'goodbye')).toMatchObject({ reason: 'revoked' });
    expect(other.events.map(({ message }) => message.type)).not.toContain('goodbye');
    other.stop();
  });

  it.each([BULK, `${BULK}/seen`])(
    '[OF17] %s takes the hash of its own context and no other (SEC-4)',
    async (path) => {
      const context = { plan: 'pro', targetingKey: 'user-1' };
      const hash = sign(context);
      const ask = async (asked: object, given?: string): Promise<readonly [number, unknown]> => {
        const headers = given === undefined ? {} : { 'dimmer-context-hash': given };
        const answer = await client.post(path, { context: asked }, { headers });
        return [answer.status, await answer.json()];
      };
      expect((await ask(context, hash))[0]).toBe(200);
      expect((await ask({ targetingKey: 'user-1', plan: 'pro' }, hash.toUpperCase()))[0]).toBe(200);
      const wrong = [undefined, '', hash.slice(0, 63), `${hash}0`, 'z'.repeat(64), sign(context, CLIENT)];
      const replayed = { ...context, targetingKey: 'user-2' };
      const refused = [...wrong.map((given) => ask(context, given)), ask(replayed, hash), ask({}, hash)];
      for (const [status, body] of await Promise.all(refused)) {
        expect(status).toBe(403);
        expect(body).toMatchObject({ errorCode: 'GENERAL', errorDetails: expect.any(String) });
        expect(JSON.stringify(body)).not.toContain('user-');
      }
      const server = { headers: { authorization: `Bearer ${SERVER}` } };
      expect((await client.post(path, { context }, server)).status).toBe(200);
    },
  );

  it('[A108] is off by default, and turning it off counts within a second', async () => {
    await client.admin(`PATCH ${PRODUCTION}`, { secureMode: false });
    client.pass(1_000);
    expect(await statusOf({})).toBe(200);
  });
});
