import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_TIMING } from '@dimmer/follower';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { DimmerOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { systemPlatform } from './platform.ts';
import type { ServerStream, StreamServer } from './stream-server.fixture.ts';
import { fixedFlag, snapshotDocument, streamServer } from './stream-server.fixture.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const user = { targetingKey: 'user-1' };
const on1 = fixedFlag('a', 1, true);
const off2 = fixedFlag('a', 2, false);

/** Real time, a fraction of the patience. */
const fast: Platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: {
    ...DEFAULT_TIMING,
    retryBaseMs: 20,
    retryMaxMs: 50,
    pollAfterMinMs: 80,
    pollAfterMaxMs: 100,
    coldPollAfterMinMs: 10,
    coldPollAfterMaxMs: 20,
    pollIntervalMs: 40,
    pollRetryMaxMs: 60,
    refetchMinMs: 30,
  },
  cacheDelayMs: 5,
};

// Node loads it at its first call, which takes a busy machine as long as the patience of these tests.
beforeAll(async () => {
  await fetch('data:,');
});

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Paths {
  stream: (request: ServerStream) => void;
  snapshot: (request: ServerStream) => void;
}

/** A server whose two paths are answered apart, and may be answered otherwise later. */
async function serve(paths: Paths): Promise<StreamServer> {
  const server = await streamServer((request) => {
    const isPoll = request.response.req.url?.startsWith('/sdk/v1/snapshot') === true;
    (isPoll ? paths.snapshot : paths.stream)(request);
  });
  cleanups.push(() => server.close());
  return server;
}

function dimmer(url: string, options: Partial<DimmerOptions> = {}, platform = fast): Dimmer {
  const flags = new Dimmer({ url, key, cache: false, ...options }, platform);
  cleanups.push(() => flags.close());
  return flags;
}

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}

/** Answers with a snapshot, or with 304 where the reader has it. */
function holding(revision: number, objects = [on1]): (request: ServerStream) => void {
  return ({ response }) => {
    const etag = `"e1:${revision}"`;
    if (response.req.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end();
    else response.writeHead(200, { etag }).end(JSON.stringify(snapshotDocument(revision, objects)));
  };
}

function refusing(status: number): (request: ServerStream) => void {
  return (request) => request.refuse(status);
}

test('[N53] a poll brings what a broken stream does not, names it from then on, and ends with the stream', async () => {
  const seen: (string | undefined)[] = [];
  const paths: Paths = { stream: (stream) => stream.full(1, [on1]), snapshot: holding(2, [off2]) };
  const server = await serve({
    stream: (stream) => paths.stream(stream),
    snapshot: (request) => {
      seen.push(request.response.req.headers['if-none-match']);
      expect(request.response.req.headers.authorization).toBe(`Bearer ${key}`);
      paths.snapshot(request);
    },
  });
  // However long the stream takes to open, no poll comes before it.
  const { coldPollAfterMinMs, coldPollAfterMaxMs } = DEFAULT_TIMING;
  const timing = { ...fast.timing, coldPollAfterMinMs, coldPollAfterMaxMs };
  const flags = dimmer(server.url, {}, { ...fast, timing });
  await flags.ready();
  paths.stream = refusing(503);
  server.cut();
  await until(() => expect(seen.slice(0, 3)).toEqual(['"e1:1"', '"e1:2"', '"e1:2"']));
  expect(flags.boolean('a', user, true)).toBe(false);
  expect(flags.status()).toMatchObject({ state: 'INTERRUPTED', mode: 'poll', source: 'poll', revision: 2 });
  expect(flags.status().ageMs).toBeLessThan(20_000);
  paths.stream = (stream) => stream.hello('none', 2);
  await until(() => expect(flags.status()).toMatchObject({ state: 'LIVE', mode: 'stream' }));
});

test('[N54] a program that starts while no stream is to be had is ready by a poll (SDK-2)', async () => {
  const server = await serve({
    stream: (stream) => stream.refuse(503, { 'retry-after': '60' }),
    snapshot: holding(1),
  });
  const flags = dimmer(server.url);
  expect(await flags.ready()).toMatchObject({ state: 'STALE', mode: 'poll', revision: 1, resyncs: 0 });
  expect(flags.boolean('a', user, false)).toBe(true);
});

test('[N52] 204 on the stream is an order to poll (SDK-4)', async () => {
  const server = await serve({ stream: refusing(204), snapshot: holding(1) });
  const flags = dimmer(server.url, { bootstrap: snapshotDocument(0, []) });
  await until(() => expect(flags.status()).toMatchObject({ mode: 'poll', revision: 1 }));
  expect(flags.status().lastError).toMatchObject({ status: 204 });
});

test.each([
  ['HTML of a proxy', 'text/html', '<h1>Sign in</h1>'],
  ['JSON', 'application/json', '{}'],
])(
  '[N52] %s in place of a stream is a failure, and the next attempt may succeed',
  async (_what, type, body) => {
    let requests = 0;
    const server = await serve({
      stream: (stream) => {
        requests += 1;
        if (requests < 4) stream.response.writeHead(200, { 'content-type': type }).end(body);
        else stream.full(1, [on1]);
      },
      snapshot: refusing(404),
    });
    const flags = dimmer(server.url);
    await until(() => expect(flags.status().state).toBe('LIVE'));
    expect(requests).toBe(4);
  },
);

test('[N52] a stream that is closed as soon as it is opened is tried at a growing distance (SDK-5)', async () => {
  let requests = 0;
  const server = await serve({
    stream: (stream) => {
      requests += 1;
      stream.raw(':\n\n').end();
    },
    snapshot: refusing(404),
  });
  const patient = { ...fast, random: () => 0.999, timing: { ...fast.timing, retryMaxMs: 100_000 } };
  const flags = dimmer(server.url, {}, patient);
  // 20, 40, 80, 160, 320 ms and so on: five attempts have taken 300 ms at least.
  const begun = performance.now();
  await until(() => expect(requests).toBe(5));
  expect(performance.now() - begun).toBeGreaterThan(280);
  expect(flags.status()).toMatchObject({ state: 'DEFAULTS', mode: 'none' });
});

test.each([
  ['HTML', '<h1>Sign in</h1>'],
  ['a damaged snapshot', JSON.stringify({ ...snapshotDocument(2, [off2]), digest: 1 })],
  ['an endless body', 'x'.repeat(3_000)],
])('[N53] %s in place of a snapshot is not used', async (_what, body) => {
  let polls = 0;
  const server = await serve({
    stream: refusing(503),
    snapshot: ({ response }) => {
      polls += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    },
  });
  const bootstrap = snapshotDocument(1, [on1]);
  const flags = dimmer(server.url, { bootstrap, limits: { storedBytesMax: 2_000 } });
  await until(() => expect(polls).toBeGreaterThan(1));
  expect(flags.status()).toMatchObject({ state: 'BOOTSTRAP', mode: 'none', revision: 1 });
});

test('[N53] a poll that is never answered is given up, and the next is another one', async () => {
  let polls = 0;
  const server = await serve({
    stream: refusing(503),
    snapshot: (request) => {
      polls += 1;
      if (polls > 1) holding(1)(request);
    },
  });
  const flags = dimmer(server.url, {}, { ...fast, timing: { ...fast.timing, pollTimeoutMs: 400 } });
  await until(() => expect(flags.status()).toMatchObject({ mode: 'poll', revision: 1 }));
});

test('[N53] closing ends a poll that is under way (SDK-14)', async () => {
  let polls = 0;
  const server = await serve({
    stream: refusing(503),
    snapshot: () => {
      polls += 1;
    },
  });
  const flags = dimmer(server.url);
  await until(() => expect(polls).toBe(1));
  await flags.close();
  await until(() => expect(server.open.size).toBe(0));
  expect(flags.status()).toMatchObject({ state: 'CLOSED', mode: 'none' });
});

test('[N54] a live copy that differs from the snapshot is asked for anew, and that is counted (ORD-7)', async () => {
  let streams = 0;
  const server = await serve({
    stream: (stream) => {
      streams += 1;
      stream.full(1, [streams === 1 ? on1 : off2]);
    },
    snapshot: holding(2, [off2]),
  });
  const timing = { ...fast.timing, checkIntervalMs: 50, checkGraceMs: 30 };
  const flags = dimmer(server.url, {}, { ...fast, timing });
  await until(() => expect(flags.status().resyncs).toBeGreaterThan(0));
  await until(() => expect(streams).toBeGreaterThan(1));
});

test('[N55] what a poll brought is in the cache of the next start', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  const server = await serve({ stream: refusing(503), snapshot: holding(7) });
  const first = dimmer(server.url, { cache: { directory } });
  await until(() => expect(first.status().revision).toBe(7));
  await first.close();
  const again = dimmer(server.url, { cache: { directory } });
  expect(again.status()).toMatchObject({ state: 'CACHED', revision: 7 });
});
