import { createHash, createHmac } from 'node:crypto';
import { canonicalJson } from '@dimmer/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startStopwatch } from '../faults/processor-wait.ts';
import type { AskOptions, ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { CLIENT, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const EVALUATE = '/client/v1/evaluate';
const BULK = '/ofrep/v1/evaluate/flags';

let client: ClientHarness;
const open = async (environment: Record<string, string> = {}): Promise<void> => {
  client = await openClient(environment);
};
afterEach(() => client.close());

/** Whatever holds this word must never reach a browser. */
const CANARY = 'canary';

describe('what a client key can learn', () => {
  beforeEach(() => open());

  it('[A106] is nothing of how values come about (SEC-1)', async () => {
    const when = { attribute: 'email', op: 'in', values: [`${CANARY}-rule-value`] };
    await client.admin(`POST ${PRODUCTION}/segments`, {
      key: `${CANARY}-segment`,
      included: [`${CANARY}-included`],
    });
    await client.flag(`${CANARY}-hidden`, { enabled: true }, { exposeToClients: false });
    const configuration = {
      enabled: true,
      prerequisites: [{ flag: `${CANARY}-hidden`, variation: 'on' }],
      targets: [{ variation: 'off', values: [`${CANARY}-other-user`] }],
      rules: [
        { id: `${CANARY}-rule-id`, when, serve: { variation: 'on' } },
        { id: `${CANARY}-rule-two`, when: { segment: `${CANARY}-segment` }, serve: { variation: 'on' } },
      ],
    };
    const described = { name: `${CANARY}-name`, description: `${CANARY}-description` };
    await client.flag('seen', configuration, described);
    const contexts = [{}, { email: `${CANARY}-rule-value` }, { targetingKey: `${CANARY}-included` }];
    const told = [...(await answersTo(contexts)), ...(await publicAnswers()), await streamOf(contexts)];
    for (const text of told) expect(text).not.toContain(CANARY);
    expect(told.join()).toContain('RULE_MATCH');
    expect(told.join()).toContain('TARGETING_MATCH');
    expect(told.join()).toContain('refetchEvaluation');
    expect(told.join()).toContain('KILLED');
  });

  it('[A109] a context is in no log, metric, header or answer (SEC-14)', async () => {
    await client.flag('seen');
    const context = { targetingKey: CANARY, nested: { email: `${CANARY}@example.com` }, [CANARY]: 1 };
    const wrong = [
      { ...context, targetingKey: [CANARY] },
      { ...context, text: `${CANARY}\ud800` },
    ];
    const told = [...(await answersTo([context, ...wrong])), await streamOf([context])];
    const server = { headers: { authorization: `Bearer ${SERVER}` } };
    for (const flag of ['seen', 'absent']) await client.post(`${BULK}/${flag}`, { context }, server);
    await client.admin(`POST ${PRODUCTION}/flags/seen/explain`, { context });
    told.push(...(await publicAnswers()), ...client.log);
    // The log is kept at the level `debug`: nothing is logged below it.
    expect(client.log.some((line) => line.includes('"level":20'))).toBe(true);
    for (const text of told) expect(text).not.toContain(CANARY);
  });

  it('[OF9] the URL of an OFREP stream, which may end up in logs, tells nothing of its context (SEC-14)', async () => {
    const context = { targetingKey: CANARY, email: `${CANARY}@example.com` };
    const one = await (await client.post(BULK, { context })).text();
    const other = await (await client.post(BULK, { context: {} })).text();
    expect(one).not.toContain(CANARY);
    expect(one).toBe(other);
  });

  it('[A109] a context in an address is not read, and not logged either (SEC-14)', async () => {
    const query = `?targetingKey=${CANARY}&context=${encodeURIComponent(JSON.stringify({ plan: CANARY }))}`;
    for (const path of [EVALUATE, '/client/v1/stream', BULK, `${BULK}/seen`, '/ofrep/v1/stream', '/livez']) {
      await (await client.post(`${path}${query}`, '')).text();
      await (await fetch(`${client.server.url}${path}${query}`)).text();
    }
    expect(client.log.length).toBeGreaterThan(10);
    for (const line of client.log) expect(line).not.toContain(CANARY);
  });

  /** What is answered without a key. */
  async function publicAnswers(): Promise<string[]> {
    const paths = [
      '/openapi.json',
      '/metrics',
      '/livez',
      '/readyz',
      '/',
      PROJECT,
      '/ofrep/v1/stream',
      EVALUATE,
    ];
    return Promise.all(
      paths.map(async (path) => {
        const answer = await fetch(`${client.server.url}${path}`);
        return `${JSON.stringify([...answer.headers])}${await answer.text()}`;
      }),
    );
  }

  /** Every answer without a stream, with its headers. */
  async function answersTo(contexts: readonly unknown[]): Promise<string[]> {
    const told: string[] = [];
    const tell = async (answer: Response): Promise<void> => {
      told.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
    };
    for (const context of contexts) {
      const answer = await client.evaluate(context);
      const etag = answer.headers.get('etag') ?? '';
      await tell(answer);
      await tell(await client.evaluate(context, { headers: { 'if-none-match': etag } }));
      await tell(await client.post('/client/v1/stream', { context: [context] }));
      await tell(await client.evaluate([context]));
      await tell(await client.post('/client/v1/report', { context }));
      await tell(await client.evaluate(context, { key: `dim_cli_${'z'.repeat(32)}` }));
      for (const flag of ['', '/seen', '/absent', `/${encodeURIComponent('a/ü')}`]) {
        await tell(await client.post(`${BULK}${flag}`, { context }));
        await tell(await client.post(`${BULK}${flag}`, { context: [context] }));
        await tell(await client.post(`${BULK}${flag}`, { context }, { key: '' }));
      }
    }
    for (const body of [`{"context":{"a":${CANARY}}}`, `{"context":{"${CANARY}":1,"${CANARY}":2}}`]) {
      await tell(await client.post(EVALUATE, body));
      await tell(await client.post(BULK, body));
    }
    await tell(await client.post(EVALUATE, `{"context":{"a":${CANARY}}}`));
    await tell(await client.post(EVALUATE, `{"${CANARY}":{"__proto__":1}}`));
    return told;
  }

  /** All that streams say while everything happens that can happen to a flag. */
  async function streamOf(contexts: readonly object[]): Promise<string> {
    const streams = await Promise.all(contexts.map((context) => client.stream({ context })));
    const events = await eventStream();
    await client.configure('seen', { rules: [] });
    await client.admin(`POST ${PRODUCTION}/flags/seen/kill`, { reason: `${CANARY}-reason` });
    await Promise.all(
      streams.map((stream) => stream.until((message) => message.type === 'commit' && message.kill === true)),
    );
    for (const stream of streams) stream.stop();
    const texts = streams.map((stream) => `${JSON.stringify([...stream.response.headers])}${stream.text()}`);
    return [...texts, await events()].join();
  }

  /** OFREP's event stream of the client key. @returns Reads it until it has told of a change. */
  async function eventStream(): Promise<() => Promise<string>> {
    const { eventStreams } = (await (await client.post(BULK, { context: {} })).json()) as {
      readonly eventStreams: readonly [{ readonly endpoint: { readonly requestUri: string } }];
    };
    const { headers, body } = await fetch(`${client.server.url}${eventStreams[0].endpoint.requestUri}`);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    return async () => {
      let text = JSON.stringify([...headers]);
      while (!text.includes('refetchEvaluation')) text += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      return text;
    };
  }
});

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

describe('other origins (SEC-6)', () => {
  const preflight = (path: string, origin: string): Promise<Response> =>
    fetch(`${client.server.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const allowed = ({ headers }: Response): string | null => headers.get('access-control-allow-origin');

  it('[A107] one that is named may ask, and read what it needs', async () => {
    await open({ DIMMER_CORS_ORIGINS: 'https://shop.example, http://localhost:5173' });
    const options: AskOptions = { headers: { origin: 'https://shop.example' } };
    const answer = await client.evaluate({}, options);
    expect(allowed(answer)).toBe('https://shop.example');
    expect(answer.headers.get('vary')).toContain('Origin');
    expect(answer.headers.get('access-control-expose-headers')).toBe('ETag,Retry-After,X-Request-Id');
    expect(allowed(await client.evaluate([], options))).toBe('https://shop.example');
    expect(allowed(await client.evaluate({}, { ...options, key: '' }))).toBe('https://shop.example');
    const stream = await client.stream({ context: {} }, options);
    expect(allowed(stream.response)).toBe('https://shop.example');
    expect(stream.response.headers.get('vary')).toBe('Origin');
    stream.stop();
    const { status, headers } = await preflight(EVALUATE, 'http://localhost:5173');
    expect(status).toBe(204);
    expect(headers.get('access-control-max-age')).toBe('600');
    expect(headers.get('access-control-allow-methods')).toBe('POST,GET,OPTIONS');
    const allowedHeaders = headers.get('access-control-allow-headers')?.split(',');
    expect(allowedHeaders).toEqual(expect.arrayContaining(['authorization', 'dimmer-instance']));
  });

  it.each(['https://evil.example', 'null', 'https://shop.example.evil.example', 'http://shop.example'])(
    '[A107] %s is not reflected',
    async (origin) => {
      await open({ DIMMER_CORS_ORIGINS: 'https://shop.example' });
      expect(allowed(await preflight(EVALUATE, origin))).toBeNull();
      expect(allowed(await client.evaluate({}, { headers: { origin } }))).toBeNull();
    },
  );

  it('[A107] credentials are never allowed, and no other route is opened', async () => {
    await open({ DIMMER_CORS_ORIGINS: '*' });
    const answer = await client.evaluate({}, { headers: { origin: 'https://any.example' } });
    expect(allowed(answer)).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    for (const path of [PROJECT, '/sdk/v1/snapshot', '/sdk/v1/stream', '/metrics', '/openapi.json']) {
      expect(allowed(await preflight(path, 'https://any.example'))).toBeNull();
    }
  });

  it('[A107] nobody may ask from elsewhere by default', async () => {
    await open();
    expect(allowed(await preflight(EVALUATE, 'https://shop.example'))).toBeNull();
  });
});

describe('limits of requests (SEC-7)', () => {
  const LIMITED = { DIMMER_CLIENT_REQUESTS_PER_SECOND: '2' };
  const times = async (count: number, headers = {}): Promise<number[]> => {
    const statuses: number[] = [];
    for (let request = 0; request < count; request += 1) {
      statuses.push((await client.evaluate({}, { headers })).status);
    }
    return statuses;
  };
  const from = (forwarded: string) => ({ 'x-forwarded-for': forwarded });

  it('[A102] an address that asks too often is told when to come back', async () => {
    await open(LIMITED);
    expect(await times(5)).toEqual([200, 200, 200, 200, 429]);
    const refused = await client.evaluate({});
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED' });
    client.pass(1_000);
    expect(await times(3)).toEqual([200, 200, 429]);
  });

  it('[A103] nobody escapes a limit by writing X-Forwarded-For', async () => {
    await open(LIMITED);
    await times(4);
    expect(await times(1, from('203.0.113.7'))).toEqual([429]);
  });

  it('[A103] behind a trusted proxy each address has its own limit, and cannot write another', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    await times(10, from('6.6.6.6'));
    expect(await times(1, from('203.0.113.7'))).toEqual([200]);
    expect(await times(1, from('203.0.113.9, 6.6.6.6'))).toEqual([429]);
  });

  it('[A110] the addresses of one IPv6 network share a limit, those of an IPv4 address too', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    const all = async (addresses: readonly string[]): Promise<number[]> =>
      (await Promise.all(addresses.map((address) => times(1, from(address))))).flat();
    const network = Array.from({ length: 5 }, (_, index) => `2001:db8:0:7:${index}::${index}`);
    expect((await all(network)).toSorted()).toEqual([200, 200, 200, 200, 429]);
    expect(await all(['2001:db8:0:8::1'])).toEqual([200]);
    const written = [
      '203.0.113.7',
      '::ffff:203.0.113.7',
      '::ffff:cb00:7107',
      '203.0.113.7',
      '::FFFF:CB00:7107',
    ];
    expect((await all(written)).toSorted()).toEqual([200, 200, 200, 200, 429]);
    expect(await all(['203.0.113.8'])).toEqual([200]);
  });

  it('[A103] no header but X-Forwarded-For moves a request to another address', async () => {
    await open({ ...LIMITED, DIMMER_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' });
    await times(4, from('203.0.113.7'));
    const names = ['forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
    for (const name of names) {
      const headers = { ...from('203.0.113.7'), [name]: name === 'forwarded' ? 'for=6.6.6.6' : '6.6.6.6' };
      expect(await times(1, headers)).toEqual([429]);
    }
    const hops = Array.from({ length: 500 }, (_, index) => `6.6.${index % 256}.6`);
    expect(await times(1, from([...hops, '203.0.113.7'].join()))).toEqual([429]);
  });

  it('[A102] one key has a limit of its own, in metrics too', async () => {
    await open({ DIMMER_CLIENT_KEY_REQUESTS_PER_SECOND: '1' });
    expect(await times(3)).toEqual([200, 200, 429]);
    const metrics = await (await fetch(`${client.server.url}/metrics`)).text();
    expect(metrics).toContain('dimmer_client_requests_limited_total{limit="key"} 1');
  });

  it('[A104] a proxy that nobody named is told of', async () => {
    await open({ DIMMER_CLIENT_REQUESTS_PER_SECOND: '100000' });
    const statuses = await Promise.all(Array.from({ length: 600 }, () => client.evaluate([])));
    for (const { body } of statuses) await body?.cancel();
    client.pass(60_000);
    await client.evaluate([]);
    expect(client.log.some((line) => line.includes('name the proxies in front'))).toBe(true);
  });
});
