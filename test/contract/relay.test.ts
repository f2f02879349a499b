import { Dimmer } from '@dimmer/node';
import type { InstanceView, ReceiptView } from '@dimmer/schema/rest';
import type { RunningServer } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, startServer, systemClock } from '@dimmer/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RelayHarness, RelayHarnessOptions } from './relay-harness.ts';
import { openRelay } from './relay-harness.ts';
import { ADMIN, CLIENT, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const SNAPSHOT = '/sdk/v1/snapshot';
/** A busy machine may take its time; nothing here waits for luck. */
const WITHIN = { timeout: 40_000, interval: 20 };

let server: RunningServer;
const relays: RelayHarness[] = [];
const sdks: Dimmer[] = [];

beforeEach(async () => {
  server = await newServer();
  await admin('POST', `${PROJECT}/flags`, { key: 'checkout', exposeToClients: true });
  await admin('PATCH', `${PRODUCTION}/flags/checkout`, { enabled: true });
});
afterEach(async () => {
  await Promise.all(sdks.splice(0).map((sdk) => sdk.close()));
  // The outer ones first: a relay behind another would reconnect.
  for (const relay of relays.splice(0).reverse()) await relay.close();
  await server.close();
});

async function newServer(): Promise<RunningServer> {
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_HEARTBEAT_MS: '1000',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return startServer({
    settings: parsed.settings,
    storage: new MemoryStorage({ clock: systemClock }),
    log: createLog('silent', { write: () => {} }),
    version: '0.0.0-test',
  });
}

async function admin<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function relayOf(options: Partial<RelayHarnessOptions> = {}): Promise<RelayHarness> {
  const relay = await openRelay({ upstream: server.url, ...options });
  relays.push(relay);
  if (options.isCut !== true) await relay.until({ status: 'ready' });
  return relay;
}

function sdkAt(url: string, instance: string): Dimmer {
  const sdk = new Dimmer({ url, key: SERVER, cache: false, application: { instance } });
  sdks.push(sdk);
  return sdk;
}

const isOn = (sdk: Dimmer): boolean => sdk.boolean('checkout', { targetingKey: 'u' }, false);

/** Reads a stream until it ends or the text has what is looked for. */
async function streamUntil(response: Response, wanted: RegExp): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (wanted.test(text)) break;
  }
  return text;
}

describe('what a relay serves', () => {
  it('[RL4] is what the upstream serves, byte for byte', async () => {
    const relay = await relayOf();
    await admin('POST', `${PRODUCTION}/segments`, { key: 'beta', included: ['u'] });
    const direct = async (): Promise<string> =>
      (await fetch(`${server.url}${SNAPSHOT}`, { headers: { authorization: `Bearer ${SERVER}` } })).text();
    await vi.waitFor(async () => {
      const answer = await relay.ask(SNAPSHOT);
      expect(await answer.text()).toBe(await direct());
    }, WITHIN);
  });

  it('[RL4] continues a stream that began at the server', async () => {
    const relay = await relayOf();
    const etag = (await relay.ask(SNAPSHOT)).headers.get('etag')?.replaceAll('"', '') ?? '';
    const stream = await relay.ask(`/sdk/v1/stream?since=${etag}`);
    expect(await streamUntil(stream, /\n\n/)).toContain('"mode":"none"');
  });

  it('[RL5] is one change set for what was missed, with the kill in it', async () => {
    const relay = await relayOf();
    const sdk = sdkAt(relay.url, 'here');
    await sdk.ready({ timeoutMs: 40_000 });
    const { revision } = sdk.status();
    const stream = streamUntil(await relay.ask(`/sdk/v1/stream`), /"kill":true/);
    relay.cut();
    await admin('POST', `${PRODUCTION}/flags/checkout/kill`, { reason: 'now' });
    for (const key of ['one', 'two', 'three']) await admin('POST', `${PROJECT}/flags`, { key });
    relay.mend();
    await vi.waitFor(() => expect(isOn(sdk)).toBe(false), WITHIN);
    const commits = [...(await stream).matchAll(/data: (\{"revision".*)/g)].map(([, data = '']) =>
      JSON.parse(data),
    );
    expect(commits.at(-1)).toMatchObject({ revision: (revision ?? 0) + 4, kill: true });
  });

  it('[RL6] begins anew when the upstream was restored', async () => {
    const relay = await relayOf();
    const sdk = sdkAt(relay.url, 'here');
    await sdk.ready({ timeoutMs: 40_000 });
    expect(isOn(sdk)).toBe(true);
    const restored = await newServer();
    const { epoch } = sdk.status();
    relay.turnTo(restored.url);
    await vi.waitFor(() => expect(sdk.status().epoch).not.toBe(epoch), WITHIN);
    await vi.waitFor(() => expect(sdk.status().state).toBe('LIVE'), WITHIN);
    expect(isOn(sdk)).toBe(false);
    await restored.close();
  });

  it('[RL7] says how old it is, and grows older while the upstream is away', async () => {
    const relay = await relayOf();
    relay.cut();
    await relay.until({ status: 'stale' });
    const ages: number[] = [];
    const stream = await relay.ask('/sdk/v1/stream');
    const text = await streamUntil(stream, /(event: heartbeat[\s\S]*\n\n){3}/);
    for (const [, age] of text.matchAll(/heartbeat\ndata: .*"databaseAgeMs":(\d+)/g)) ages.push(Number(age));
    expect(ages.length).toBeGreaterThanOrEqual(3);
    expect([...ages].sort((one, other) => one - other)).toEqual(ages);
    expect((ages.at(-1) ?? 0) - (ages[0] ?? 0)).toBeGreaterThan(900);
  });

  it('[RL11] is no administration: that is answered with where it is', async () => {
    const relay = await relayOf();
    const answer = await relay.ask(`${PROJECT}/flags`, { key: ADMIN });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'ROUTE_NOT_FOUND', remedy: `Ask ${server.url}/.` });
  });
});

describe('without its upstream a relay', () => {
  it('[RL8] starts from its cache, is ready and says that it is stale', async () => {
    const relay = await relayOf();
    await relay.stop();
    relay.cut();
    await relay.restart();
    await relay.until({ status: 'stale', upstream: 'CACHED' });
    expect((await fetch(`${relay.url}/readyz`)).status).toBe(200);
    const sdk = sdkAt(relay.url, 'new');
    await sdk.ready({ timeoutMs: 40_000 });
    expect(isOn(sdk)).toBe(true);
    await admin('PATCH', `${PRODUCTION}/flags/checkout`, { enabled: false });
    relay.mend();
    await relay.until({ status: 'ready' });
    await vi.waitFor(() => expect(isOn(sdk)).toBe(false), WITHIN);
  });

  it('[RL8] and without a cache is not ready, refuses nobody, and is ready once the upstream is there', async () => {
    const relay = await relayOf({ isCut: true });
    expect((await fetch(`${relay.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${relay.url}/livez`)).status).toBe(200);
    const answer = await relay.ask(SNAPSHOT);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    relay.mend();
    await relay.until({ status: 'ready' });
    expect((await relay.ask(SNAPSHOT)).status).toBe(200);
  });
});

describe('the keys of a relay', () => {
  it('[RL9] are those of the upstream: one that was just made works, one that was deleted does not', async () => {
    const relay = await relayOf();
    const made = await admin<{ readonly id: string; readonly secret: string }>('POST', `${PRODUCTION}/keys`, {
      name: 'another',
      kind: 'server',
    });
    expect((await relay.ask(SNAPSHOT, { key: made.secret })).status).toBe(200);
    const stream = await relay.ask('/sdk/v1/stream', { key: made.secret });
    await admin('DELETE', `${PRODUCTION}/keys/${made.id}`);
    expect(await streamUntil(stream, /goodbye/)).toContain('"reason":"revoked"');
    expect((await relay.ask(SNAPSHOT, { key: made.secret })).status).toBe(401);
  });

  it('[RL9] are known while the upstream is away, and any other is doubt', async () => {
    const relay = await relayOf();
    const unknown = { key: `dim_srv_${'x'.repeat(32)}` };
    expect((await relay.ask(SNAPSHOT, unknown)).status).toBe(401);
    relay.cut();
    await vi.waitFor(async () => expect((await relay.ask(SNAPSHOT, unknown)).status).toBe(503), WITHIN);
    expect((await relay.ask(SNAPSHOT)).status).toBe(200);
    expect((await relay.ask('/sdk/v1/keys')).status).toBe(503);
    const evaluated = await relay.ask('/client/v1/evaluate', {
      method: 'POST',
      key: CLIENT,
      body: { context: {} },
    });
    expect(evaluated.status).toBe(200);
  });
});

describe('for client keys and OFREP a relay', () => {
  const CANARY = 'canary';

  it('[RL10] tells nothing of rules (SEC-1), and of no context', async () => {
    const when = { attribute: 'email', op: 'in', values: [`${CANARY}-value`] };
    await admin('PATCH', `${PRODUCTION}/flags/checkout`, {
      rules: [{ id: `${CANARY}-rule`, when, serve: { variation: 'on' } }],
    });
    await admin('POST', `${PROJECT}/flags`, { key: `${CANARY}-hidden` });
    const relay = await relayOf();
    const post = (path: string, body: unknown): Promise<Response> =>
      relay.ask(path, { method: 'POST', key: CLIENT, body });
    const context = { email: `${CANARY}-value` };
    const stream = streamUntil(await post('/client/v1/stream', { context }), /KILLED/);
    const told: string[] = [];
    for (const [path, body] of [
      ['/client/v1/evaluate', { context }],
      ['/client/v1/evaluate', { context: [context] }],
      ['/client/v1/report', { context }],
      ['/ofrep/v1/evaluate/flags', { context }],
      ['/ofrep/v1/evaluate/flags/checkout', { context }],
      ['/ofrep/v1/evaluate/flags/absent', { context }],
    ] as const) {
      const answer = await post(path, body);
      told.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
    }
    for (const path of ['/sdk/v1/keys', SNAPSHOT, '/sdk/v1/stream', '/metrics', '/readyz', '/livez', '/']) {
      const answer = await relay.ask(path, { key: CLIENT });
      told.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
    }
    await admin('POST', `${PRODUCTION}/flags/checkout/kill`, { reason: CANARY });
    told.push(await stream, ...relay.log);
    for (const text of told) expect(text).not.toContain(CANARY);
    expect(told.join()).toContain('RULE_MATCH');
  });

  it('[RL10] asks for signatures where the upstream does, soon after it begins to', async () => {
    const relay = await relayOf();
    const context = { targetingKey: 'u' };
    const evaluate = (hash?: string): Promise<number> =>
      relay
        .ask('/client/v1/evaluate', { method: 'POST', key: CLIENT, body: { context, ...(hash && { hash }) } })
        .then(({ status }) => status);
    expect(await evaluate()).toBe(200);
    await admin('PATCH', PRODUCTION, { secureMode: true });
    await vi.waitFor(async () => expect(await evaluate()).toBe(403), WITHIN);
    const hash = sdkAt(relay.url, 'backend').secureHash(context);
    expect(await evaluate(hash)).toBe(200);
    expect(await evaluate('0'.repeat(64))).toBe(403);
    relay.cut();
    await relay.until({ status: 'stale' });
    expect([await evaluate(), await evaluate(hash)]).toEqual([403, 200]);
  });

  it('[RL10] opens event streams with addresses of its own', async () => {
    const relay = await relayOf();
    relay.cut();
    const bulk = await relay.ask('/ofrep/v1/evaluate/flags', {
      method: 'POST',
      key: CLIENT,
      body: { context: { targetingKey: 'u' } },
    });
    const { eventStreams } = (await bulk.json()) as {
      readonly eventStreams: readonly { readonly endpoint: { readonly requestUri: string } }[];
    };
    const stream = await fetch(`${relay.url}${eventStreams[0]?.endpoint.requestUri}`);
    expect(stream.status).toBe(200);
    relay.mend();
    await relay.until({ status: 'ready' });
    await admin('PATCH', `${PRODUCTION}/flags/checkout`, { enabled: false });
    expect(await streamUntil(stream, /refetchEvaluation/)).toContain('refetchEvaluation');
  });
});

describe('what instances behind a relay report', () => {
  const instances = async (): Promise<readonly InstanceView[]> =>
    (await admin<{ readonly items: readonly InstanceView[] }>('GET', `${PRODUCTION}/instances`)).items;

  it('[RL12, RL14] arrives, also through two relays, and a receipt counts them all', async () => {
    const outer = await relayOf({ name: 'outer' });
    const inner = await relayOf({ name: 'inner', upstream: outer.url });
    const all = [sdkAt(server.url, 'direct'), sdkAt(outer.url, 'behind-one'), sdkAt(inner.url, 'behind-two')];
    await Promise.all(all.map((sdk) => sdk.ready({ timeoutMs: 40_000 })));
    expect(all.map((sdk) => sdk.status().state)).toEqual(['LIVE', 'LIVE', 'LIVE']);
    await vi.waitFor(async () => {
      const listed = (await instances()).map(({ id, via, state }) => [id, via, state]);
      expect(listed).toEqual([
        ['behind-one', 'outer', 'LIVE'],
        ['behind-two', 'inner', 'LIVE'],
        ['direct', null, 'LIVE'],
      ]);
    }, WITHIN);
    const { receipt } = await admin<{ readonly receipt: ReceiptView }>(
      'POST',
      `${PRODUCTION}/flags/checkout/kill?wait=20000`,
      { reason: 'now' },
    );
    expect(receipt).toMatchObject({ instances: 3, applied: 3, complete: true, latency: { count: 3 } });
    expect(all.map(isOn)).toEqual([false, false, false]);
  });

  it('[RL12] is kept while the upstream is away, and arrives once it is back', async () => {
    const relay = await relayOf();
    relay.cut();
    const sdk = sdkAt(relay.url, 'patient');
    await sdk.ready({ timeoutMs: 40_000 });
    isOn(sdk);
    await sdk.close();
    relay.mend();
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      expect(metrics).toMatch(/dimmer_reports_total\{outcome="counted"\} [1-9]/);
    }, WITHIN);
    const counted = await (await fetch(`${relay.url}/metrics`)).text();
    expect(counted).toMatch(/dimmer_relay_reports_total\{outcome="taken"\} [1-9]/);
  });
});
