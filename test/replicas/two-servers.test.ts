import { Dimmer } from '@dimmer/node';
import { afterEach, expect, test, vi } from 'vitest';
import { ADMIN, CLIENT, PRODUCTION, PROJECT, SERVER } from '../contract/rest-harness.ts';
import type { LinkedServer, SharedServers } from './memory-servers.ts';
import { startSharedServers } from './memory-servers.ts';

const WAIT = { timeout: 40_000, interval: 50 };

let shared: SharedServers | undefined;
afterEach(() => shared?.close());

async function twoServers(): Promise<readonly [LinkedServer, LinkedServer]> {
  shared = await startSharedServers(2);
  const [one, other] = shared.servers;
  if (one === undefined || other === undefined) throw new Error('there are no two servers');
  return [one, other];
}

interface Asked {
  readonly key?: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(
  server: LinkedServer,
  route: string,
  { key = ADMIN, json, headers }: Asked = {},
): Promise<Response> {
  const [method = '', path = ''] = route.split(' ');
  return fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
}

async function write(
  server: LinkedServer,
  route: string,
  json: unknown,
): Promise<{ readonly revision: number }> {
  const response = await ask(server, route, { json });
  expect(response.ok).toBe(true);
  return (await response.json()) as { revision: number };
}

test('[M3] who wrote through one server reads it from another, on every way, or is told to come back (ORD-9)', async () => {
  const [one, other] = await twoServers();
  await write(one, `POST ${PROJECT}/flags`, { key: 'checkout', exposeToClients: true });
  await vi.waitFor(
    async () => expect((await ask(other, 'GET /sdk/v1/snapshot', { key: SERVER })).status).toBe(200),
    WAIT,
  );
  other.link.hasHints = false;
  const { revision } = await write(one, `PATCH ${PRODUCTION}/flags/checkout`, { enabled: true });
  const context = { context: { targetingKey: 'user-1' } };
  const at = (route: string, key: string, json?: unknown) => ({
    query: (wanted: number) => ask(other, `${route}?min-revision=${wanted}`, { key, json }),
    header: (wanted: number) =>
      ask(other, route, { key, json, headers: { 'dimmer-min-revision': String(wanted) } }),
  });
  const ways = [
    at('GET /sdk/v1/snapshot', SERVER),
    at('GET /sdk/v1/stream', SERVER),
    at('POST /client/v1/evaluate', CLIENT, context),
    at('POST /client/v1/stream', CLIENT, context),
    at('POST /ofrep/v1/evaluate/flags', SERVER, context),
    at('POST /ofrep/v1/evaluate/flags/checkout', SERVER, context),
  ];
  // Told to come back, it does; once the server has looked, nobody is told to any more.
  await vi.waitFor(async () => {
    const answer = await ways[0]?.query(revision);
    expect(await answer?.text()).toContain('"revision":2');
  }, WAIT);
  for (const way of ways) {
    for (const asked of [way.query, way.header]) {
      const answer = await asked(revision);
      expect(answer.status).toBe(200);
      expect(await firstOf(answer)).toMatch(/"revision":2|"value":true/);
    }
  }
  const early = await Promise.all(ways.map((way) => way.query(revision + 1)));
  expect(early.map(({ status }) => status)).toEqual(ways.map(() => 503));
  for (const { headers } of early) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  const wrong = await Promise.all(ways.map((way) => way.query(Number.NaN)));
  expect(wrong.map(({ status }) => status)).toEqual(ways.map(() => 400));
});

test('[M5] a key that one server deletes opens nothing of another, and loses its streams there (REP-9)', async () => {
  const [one, other] = await twoServers();
  const made = await ask(one, `POST ${PRODUCTION}/keys`, { json: { kind: 'server', name: 'doomed' } });
  const { secret, id } = (await made.json()) as { secret: string; id: string };
  await vi.waitFor(
    async () => expect((await ask(other, 'GET /sdk/v1/snapshot', { key: secret })).status).toBe(200),
    WAIT,
  );
  const stream = textOf(await ask(other, 'GET /sdk/v1/stream', { key: secret }));
  expect((await ask(one, `DELETE ${PRODUCTION}/keys/${id}`)).ok).toBe(true);
  await vi.waitFor(() => expect(stream.text()).toContain('"reason":"revoked"'), WAIT);
  expect((await ask(other, 'GET /sdk/v1/snapshot', { key: secret })).status).toBe(401);
});

test('[M6] a server that is cut off lets known keys in, and of others it says 503 (SEC-3)', async () => {
  const [one, other] = await twoServers();
  expect((await ask(other, 'GET /sdk/v1/snapshot', { key: SERVER })).status).toBe(200);
  other.link.isCut = true;
  const made = await ask(one, `POST ${PRODUCTION}/keys`, { json: { kind: 'server', name: 'new' } });
  const { secret } = (await made.json()) as { secret: string };
  await vi.waitFor(async () => {
    const doubtful = await ask(other, 'GET /sdk/v1/snapshot', { key: secret });
    expect([doubtful.status, doubtful.headers.get('retry-after')]).toEqual([503, '1']);
  }, WAIT);
  expect((await ask(other, 'GET /sdk/v1/snapshot', { key: SERVER })).status).toBe(200);
  expect((await ask(other, 'GET /readyz')).status).toBe(200);
});

test('[M7] secure mode that is turned on through one server counts at another, also once that is cut off', async () => {
  const [one, other] = await twoServers();
  const json = { context: { targetingKey: 'user-1' } };
  const evaluated = async (): Promise<number> =>
    (await ask(other, 'POST /client/v1/evaluate', { key: CLIENT, json })).status;
  expect(await evaluated()).toBe(200);
  const stream = textOf(await ask(other, 'POST /client/v1/stream', { key: CLIENT, json }));
  await write(one, `PATCH ${PRODUCTION}`, { secureMode: true });
  await vi.waitFor(async () => expect(await evaluated()).toBe(403), WAIT);
  await vi.waitFor(() => expect(stream.text()).toContain('"reason":"revoked"'), WAIT);
  other.link.isCut = true;
  expect(await evaluated()).toBe(403);
});

test('[M20] a kill through one server waits for the SDKs of another, and every list has them (REP-9)', async () => {
  const [one, other] = await twoServers();
  await write(one, `POST ${PROJECT}/flags`, { key: 'checkout' });
  const sdk = new Dimmer({ url: other.url, key: SERVER, cache: false });
  try {
    await sdk.ready({ timeoutMs: 40_000 });
    const instances = async (): Promise<readonly { readonly state: string | null }[]> => {
      const page = await ask(one, `GET ${PRODUCTION}/instances`);
      return ((await page.json()) as { items: { state: string | null }[] }).items;
    };
    await vi.waitFor(
      async () => expect((await instances()).map(({ state }) => state)).toEqual(['LIVE']),
      WAIT,
    );
    const live = textOf(await ask(one, `GET ${PRODUCTION}/live`));
    const killed = await ask(one, `POST ${PRODUCTION}/flags/checkout/kill?wait=15000`, {
      json: { reason: 'test' },
    });
    const { receipt } = (await killed.json()) as { receipt: object };
    expect(receipt).toMatchObject({ instances: 1, applied: 1, complete: true });
    await vi.waitFor(() => expect(live.text()).toContain('"complete":true'), WAIT);
  } finally {
    await sdk.close();
  }
  await vi.waitFor(async () => {
    const page = await ask(one, `GET ${PRODUCTION}/instances`);
    expect(((await page.json()) as { items: unknown[] }).items).toEqual([]);
  }, WAIT);
});

test('[M12] of two servers one lifts a kill whose time has come, in one revision', async () => {
  const [one, other] = await twoServers();
  await write(one, `POST ${PROJECT}/flags`, { key: 'checkout' });
  const expiresAt = new Date(Date.now() + 2_500).toISOString();
  const { revision } = await write(one, `POST ${PRODUCTION}/flags/checkout/kill`, {
    reason: 'test',
    expiresAt,
  });
  const state = async (server: LinkedServer): Promise<{ kill: unknown; revision: number }> =>
    (await (await ask(server, `GET ${PRODUCTION}/flags/checkout`)).json()) as {
      kill: unknown;
      revision: number;
    };
  await vi.waitFor(async () => expect((await state(other)).kill).toBeNull(), WAIT);
  const { items } = (await (await ask(other, `GET ${PRODUCTION}/revisions`)).json()) as {
    items: { revision: number; action: string }[];
  };
  expect(items[0]).toMatchObject({ revision: revision + 1, action: 'flag.restore' });
});

test('[OF12] a stream URL that one server gave opens a stream at another', async () => {
  const [one, other] = await twoServers();
  const answer = await ask(one, 'POST /ofrep/v1/evaluate/flags', { key: SERVER, json: { context: {} } });
  const { eventStreams } = (await answer.json()) as {
    eventStreams: { endpoint: { requestUri: string } }[];
  };
  const opened = await fetch(`${other.url}${eventStreams[0]?.endpoint.requestUri}`);
  expect(opened.status).toBe(200);
  expect(opened.headers.get('content-type')).toContain('text/event-stream');
  await opened.body?.cancel();
});

/** The first of what an answer says, which may never end. */
async function firstOf({ body }: Response): Promise<string> {
  let text = '';
  if (body === null) return text;
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (/"revision":|"value":/.test(text)) break;
  }
  return text;
}

/** What an endless answer has said so far. */
function textOf({ body }: Response): { readonly text: () => string } {
  let text = '';
  const decoder = new TextDecoder();
  const read = async (): Promise<void> => {
    for await (const chunk of body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
  };
  read().catch(() => undefined);
  return { text: () => text };
}
