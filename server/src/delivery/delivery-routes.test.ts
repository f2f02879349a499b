import { decodeSnapshot, digestOfAll, formatCursor } from '@dimmer/schema';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { StorageFault } from '../storage/storage.ts';
import { REVISION_WAIT_MS } from './change-feed.ts';
import { ENVIRONMENT, history, put, putLong, remove } from './change-log.fixture.ts';
import type { DeliveryServer } from './delivery-server.fixture.ts';
import { HEARTBEAT_MS, openStream, StalledPeer, startDelivery } from './delivery-server.fixture.ts';
import { settle } from './manual-schedule.fixture.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const servers: DeliveryServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function start(...args: Parameters<typeof startDelivery>): Promise<DeliveryServer> {
  const server = await startDelivery(...args);
  servers.push(server);
  return server;
}

test('[D1] a stream greets, sends everything, and then each change as a set that a commit ends', async () => {
  const server = await start();
  server.log.commit(put('a', 'b'));
  const { reader } = await openStream(server);
  await vi.waitFor(() => expect(reader.types).toEqual(['hello', 'put', 'put', 'commit']), PATIENTLY);
  expect(reader.messages[0]).toEqual({
    type: 'hello',
    protocol: 1,
    epoch: 'first',
    revision: 1,
    mode: 'full',
    heartbeatMs: HEARTBEAT_MS,
    databaseAgeMs: 0,
  });
  server.log.commit({ ...remove('a'), kill: true });
  await vi.waitFor(() => expect(reader.types.slice(4)).toEqual(['delete', 'commit']), PATIENTLY);
  expect(reader.messages.at(-1)).toMatchObject({ revision: 2, kill: true });
});

test('[D14] a stream says that nothing on the way may keep, change or hold it back', async () => {
  const { headers } = await openStream(await start());
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-request-id': 'request-1',
  });
  expect(headers['content-encoding']).toBeUndefined();
});

test('[D4] a reader that is current gets a hello, and nothing else until something changes', async () => {
  const server = await start();
  server.log.commit(put('a'));
  const first = await openStream(server);
  await vi.waitFor(() => expect(first.reader.cursor?.revision).toBe(1), PATIENTLY);
  const again = await openStream(server, { since: 'first:1', reader: first.reader });
  await vi.waitFor(() => expect(again.reader.types).toEqual(['hello', 'put', 'commit', 'hello']), PATIENTLY);
  expect(again.reader.messages.at(-1)).toMatchObject({ mode: 'none', revision: 1 });
  first.stop();
  await first.ended;
  server.log.commit(put('b'));
  await vi.waitFor(() => expect(again.reader.types.slice(4)).toEqual(['put', 'commit']), PATIENTLY);
});

test('[D4] Last-Event-ID counts where since is absent, and since counts where both are given', async () => {
  const server = await start();
  for (const key of ['a', 'b', 'c']) server.log.commit(put(key));
  const modeOf = async (options: Parameters<typeof openStream>[1]): Promise<unknown> => {
    const { readFirst } = await firstMessage(server, options);
    return readFirst;
  };
  expect(await modeOf({ lastEventId: 'first:3' })).toMatchObject({ mode: 'none' });
  expect(await modeOf({ lastEventId: 'first:2' })).toMatchObject({ mode: 'delta' });
  expect(await modeOf({ lastEventId: 'first:3', since: 'other:3' })).toMatchObject({ mode: 'full' });
  expect(await modeOf({ since: 'rubbish' })).toMatchObject({ mode: 'full' });
});

test('[M8] a reader that was told more by another server goes on where it stands, as soon as this one is there', async () => {
  const server = await start();
  server.log.commit(put('a'));
  const first = await openStream(server);
  await vi.waitFor(() => expect(first.reader.cursor?.revision).toBe(1), PATIENTLY);
  const opening = firstMessage(server, { since: 'first:2' });
  // Another server's commit, which nothing announces here: who waits for it has it looked for.
  server.log.announces = false;
  server.log.commit(put('b'));
  expect((await opening).readFirst).toMatchObject({ mode: 'none', revision: 2 });
});

test('[M8] a cursor of a future that does not come is answered in full', async () => {
  const server = await start();
  server.log.commit(put('a'));
  const first = await openStream(server);
  await vi.waitFor(() => expect(first.reader.cursor?.revision).toBe(1), PATIENTLY);
  const opening = firstMessage(server, { since: 'first:900' });
  let isAnswered = false;
  void opening.then(() => {
    isAnswered = true;
  });
  await vi.waitFor(() => {
    server.time.pass(REVISION_WAIT_MS);
    expect(isAnswered).toBe(true);
  }, PATIENTLY);
  expect((await opening).readFirst).toMatchObject({ mode: 'full', revision: 1 });
});

test('[D5] commits at every moment around the opening of a stream are all seen (ORD-5)', async () => {
  const server = await start();
  await fc.assert(
    fc.asyncProperty(history, fc.integer({ min: 0, max: 6 }), async (commits, rounds) => {
      const opening = openStream(server);
      for (const [index, commit] of commits.entries()) {
        server.log.commit(commit);
        if (index % 7 < rounds) await new Promise((resolve) => setImmediate(resolve));
      }
      const { reader, stop } = await opening;
      await vi.waitFor(() => expect(reader.cursor?.revision).toBe(server.log.revision), PATIENTLY);
      const expected = server.log.objects.map((object) => [`${object.kind}/${object.key}`, object] as const);
      expect(reader.objects).toEqual(new Map(expected));
      stop();
    }),
    { numRuns: 50 },
  );
});

test('[D10] a peer that stalls is fed nothing, and then one merged change (OVL-2, OVL-3)', async () => {
  const server = await start();
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(1), PATIENTLY);
  const bytes = (): Promise<number | undefined> => server.metric('dimmer_stream_bytes_total');

  await commitUntilStalled(server);
  const whenStalled = await bytes();
  const stalledAt = server.log.revision;
  for (let round = 0; round < 100; round += 1) {
    server.log.commit(putLong(`flag-${round % 10}`, 60_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.time.pass(HEARTBEAT_MS);
  expect(await bytes()).toBe(whenStalled);

  peer.resume();
  await vi.waitFor(() => expect(peer.read().cursor?.revision).toBe(server.log.revision), { timeout: 20_000 });
  const reader = peer.read();
  const late = reader.messages.filter((message) => message.type === 'commit' && message.revision > stalledAt);
  expect(late).toHaveLength(1);
  expect(digestOfAll(reader.objects.values())).toBe(digestOfAll(server.log.objects));
  peer.stop();
});

test('[D10] a peer that stalls beyond the floor is sent away, to be sent everything when it comes back', async () => {
  const server = await start();
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(1), PATIENTLY);
  await commitUntilStalled(server);
  server.log.announces = false;
  server.log.commit(remove('a'));
  server.log.commit(put('b'));
  server.log.prune(server.log.revision - 1);
  server.time.pass(1_000);
  await settle();
  peer.resume();
  await vi.waitFor(
    () =>
      expect(peer.read().messages.at(-1)).toEqual({
        type: 'goodbye',
        reason: 'rebalancing',
        reconnectInMs: 0,
      }),
    PATIENTLY,
  );
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(0), PATIENTLY);
});

test('[D10] a peer that stalls delays nobody else', async () => {
  const server = await start();
  const peer = new StalledPeer(server);
  const { reader } = await openStream(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(2), PATIENTLY);
  for (let round = 0; round < 200; round += 1) {
    server.log.commit(putLong('a', 60_000));
    await vi.waitFor(() => expect(reader.cursor?.revision).toBe(server.log.revision), {
      ...PATIENTLY,
      interval: 1,
    });
  }
  expect(await server.metric('dimmer_slow_streams_total')).toBeGreaterThan(0);
  peer.stop();
});

test('[D11] heartbeats carry revision, digest and the age of the database, and no id', async () => {
  const server = await start();
  server.log.commit(put('a'));
  const { reader } = await openStream(server);
  await vi.waitFor(() => expect(reader.cursor?.revision).toBe(1), PATIENTLY);
  server.log.fault = new StorageFault('unavailable', 'gone');
  server.time.pass(HEARTBEAT_MS);
  await vi.waitFor(() => expect(reader.types.at(-1)).toBe('heartbeat'), PATIENTLY);
  const beat = reader.messages.at(-1);
  expect(beat).toMatchObject({ revision: 1, digest: digestOfAll(server.log.objects) });
  expect(beat?.type === 'heartbeat' && beat.databaseAgeMs).toBeGreaterThan(0);
});

test('[M1] a hello tells the age of the database, so that a reader knows where it has come to (REP-3)', async () => {
  const server = await start();
  const first = await openStream(server);
  await vi.waitFor(() => expect(first.reader.messages[0]).toMatchObject({ databaseAgeMs: 0 }), PATIENTLY);
  server.log.fault = new StorageFault('unavailable', 'cut off');
  server.time.pass(50_000);
  const second = await openStream(server);
  await vi.waitFor(
    () => expect(second.reader.messages[0]).toMatchObject({ databaseAgeMs: 50_000 }),
    PATIENTLY,
  );
});

test('[M4] streams of a server that cannot follow the database are sent elsewhere, and none is opened', async () => {
  const server = await start();
  const { reader, ended } = await openStream(server);
  await vi.waitFor(() => expect(reader.types).toEqual(['hello', 'commit']), PATIENTLY);
  server.log.held = new Promise(() => {});
  for (let second = 0; second < 9; second += 1) {
    server.time.pass(1_000);
    await settle();
  }
  await ended;
  expect(reader.messages.at(-1)).toMatchObject({ type: 'goodbye', reason: 'rebalancing' });
  const refused = await fetch(`${server.url}/stream`);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fetch(`${server.url}/snapshot`)).status).toBe(200);
});

test('[D3] a revision becomes bytes once, whatever the number of streams (ORD-10)', async () => {
  const server = await start();
  const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(server)));
  await vi.waitFor(
    () => expect(streams.every(({ reader }) => reader.cursor?.revision === 0)).toBe(true),
    PATIENTLY,
  );
  server.log.commit(put('a'));
  await vi.waitFor(
    () => expect(streams.every(({ reader }) => reader.cursor?.revision === 1)).toBe(true),
    PATIENTLY,
  );
  expect(await server.metric('dimmer_revision_encodings_total{form="delta"}')).toBe(1);
  expect(await server.metric('dimmer_revision_encodings_total{form="full"}')).toBe(1);
});

test('[D9] another epoch sends every reader away, to be sent everything when it comes back', async () => {
  const server = await start();
  for (const key of ['a', 'b', 'c']) server.log.commit(put(key));
  const { reader, ended } = await openStream(server);
  await vi.waitFor(() => expect(reader.cursor?.revision).toBe(3), PATIENTLY);
  server.log.restore('second', [put('z')]);
  await ended;
  expect(reader.messages.at(-1)).toEqual({ type: 'goodbye', reason: 'rebalancing', reconnectInMs: 0 });
  const since = reader.cursor && formatCursor(reader.cursor);
  await openStream(server, { reader, ...(since !== undefined && { since }) });
  await vi.waitFor(() => expect(reader.cursor).toEqual({ epoch: 'second', revision: 1 }), PATIENTLY);
  expect([...reader.objects.keys()]).toEqual(['flag/z']);
});

test('[D13] a closing server says goodbye, spreads the returns, and cuts those that do not listen', async () => {
  const server = await start();
  const streams = await Promise.all([openStream(server), openStream(server)]);
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(3), PATIENTLY);
  await commitUntilStalled(server);
  const closed = server.delivery.close();
  await Promise.all(streams.map(({ ended }) => ended));
  const goodbyes = streams.map(({ reader }) => reader.messages.at(-1));
  expect(goodbyes).toEqual([
    { type: 'goodbye', reason: 'draining', reconnectInMs: expect.any(Number) },
    { type: 'goodbye', reason: 'draining', reconnectInMs: expect.any(Number) },
  ]);
  expect(new Set(goodbyes.map((message) => message?.type === 'goodbye' && message.reconnectInMs)).size).toBe(
    2,
  );
  expect(server.delivery.streams()).toBe(1);
  server.time.pass(1_000);
  await closed;
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(0), PATIENTLY);
  peer.stop();
});

test('[D13] streams whose key is taken away get goodbye, and others stay', async () => {
  const server = await start();
  const kept = await openStream(server, { keyId: 'kept' });
  const lost = await Promise.all([
    openStream(server, { keyId: 'lost' }),
    openStream(server, { keyId: 'lost' }),
  ]);
  server.delivery.revoke((keyId) => keyId === 'kept');
  await Promise.all(lost.map(({ ended }) => ended));
  const goodbyes = lost.map(({ reader }) => reader.messages.at(-1));
  expect(goodbyes).toEqual([
    { type: 'goodbye', reason: 'revoked', reconnectInMs: 0 },
    { type: 'goodbye', reason: 'revoked', reconnectInMs: 2_500 },
  ]);
  server.log.commit(put('a'));
  await vi.waitFor(() => expect(kept.reader.cursor?.revision).toBe(1), PATIENTLY);
  expect(server.delivery.streams()).toBe(1);
});

test('[D13] the socket of a stream that was ended is given back, not kept for another request', async () => {
  const server = await start();
  const peer = new StalledPeer(server);
  peer.resume();
  await vi.waitFor(() => expect(peer.read().types).toEqual(['hello', 'commit']), PATIENTLY);
  await server.delivery.close();
  await vi.waitFor(async () => expect(await server.connections()).toBe(0), PATIENTLY);
  expect(peer.read().types.at(-1)).toBe('goodbye');
});

test('[D13] a server that has closed refuses streams and snapshots, and reads no more', async () => {
  const { delivery, url, log } = await start();
  await delivery.close();
  for (const path of ['stream', 'snapshot']) {
    const answer = await fetch(`${url}/${path}`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE' });
  }
  expect(log.reads.snapshot).toBe(0);
});

test('[D14] a stream that is gone is forgotten, however it went', async () => {
  const server = await start();
  const { stop } = await openStream(server);
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(2), PATIENTLY);
  expect(await server.metric('dimmer_streams{project="shop",environment="production"}')).toBe(2);
  stop();
  peer.stop();
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(0), PATIENTLY);
  server.log.commit(put('a'));
  server.time.pass(HEARTBEAT_MS);
});

test('[D14] a peer that leaves while its environment is loaded becomes no stream', async () => {
  const server = await start();
  let release = (): void => {};
  server.log.held = new Promise((resolve) => {
    release = resolve;
  });
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.log.reads.snapshot).toBe(1), PATIENTLY);
  peer.stop();
  await vi.waitFor(async () => expect(await server.connections()).toBe(0), PATIENTLY);
  release();
  await server.delivery.snapshot(ENVIRONMENT);
  await settle();
  expect(server.delivery.streams()).toBe(0);
  expect(await server.metric('dimmer_streams_opened_total{mode="full"}')).toBe(0);
});

test('[D14] HEAD answers with the headers of a stream and ends', async () => {
  const server = await start();
  const answer = await fetch(`${server.url}/stream`, { method: 'HEAD' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(await answer.text()).toBe('');
  expect(server.delivery.streams()).toBe(0);
});

test('[D15] the snapshot is the full stream in one document', async () => {
  const server = await start();
  server.log.commit(put('a', 'b'));
  server.log.commit(remove('a'));
  const answer = await fetch(`${server.url}/snapshot`);
  expect(answer.headers.get('etag')).toBe('"first:2"');
  expect(answer.headers.get('content-type')).toBe('application/json');
  const decoded = decodeSnapshot(await answer.json());
  expect(decoded).toEqual({
    outcome: 'decoded',
    value: {
      protocol: 1,
      epoch: 'first',
      revision: 2,
      digest: digestOfAll(server.log.objects),
      committedAt: expect.any(String),
      objects: server.log.objects,
    },
  });
});

test('[D15] a snapshot that the reader has already is not sent again', async () => {
  const server = await start();
  server.log.commit(put('a'));
  const same = await fetch(`${server.url}/snapshot`, { headers: { 'if-none-match': 'W/"first:1"' } });
  expect(same.status).toBe(304);
  expect(same.headers.get('etag')).toBe('"first:1"');
  const other = await fetch(`${server.url}/snapshot`, { headers: { 'if-none-match': '"first:0"' } });
  expect(other.status).toBe(200);
  await other.arrayBuffer();
  expect(await server.metric('dimmer_revision_encodings_total{form="document"}')).toBe(1);
});

test('[D7] the snapshot of an environment without objects is whole (ORD-8)', async () => {
  const { url } = await start();
  const answer = await fetch(`${url}/snapshot`);
  expect(await answer.json()).toMatchObject({ revision: 0, digest: 0, objects: [] });
});

test('[D8] an environment that cannot be loaded is UNAVAILABLE, and there once the database is', async () => {
  const server = await start();
  server.log.fault = new StorageFault('unavailable', 'gone');
  expect((await fetch(`${server.url}/snapshot`)).status).toBe(503);
  expect((await fetch(`${server.url}/stream`)).status).toBe(503);
  server.log.fault = undefined;
  expect((await fetch(`${server.url}/snapshot`)).status).toBe(200);
});

test('[D7] a key of an environment that is gone is told so', async () => {
  const server = await start({ ...ENVIRONMENT, environment: 'nowhere' });
  for (const path of ['stream', 'snapshot']) {
    const answer = await fetch(`${server.url}/${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'ENVIRONMENT_NOT_FOUND' });
  }
});

/** The kernel takes some megabytes for a peer that reads nothing; then `write()` says no. */
async function commitUntilStalled(server: DeliveryServer): Promise<void> {
  while ((await server.metric('dimmer_slow_streams_total')) === 0) {
    server.log.commit(putLong('a', 60_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function firstMessage(
  server: DeliveryServer,
  options: Parameters<typeof openStream>[1],
): Promise<{ readonly readFirst: unknown }> {
  const response = await fetch(
    `${server.url}/stream${options?.since === undefined ? '' : `?since=${options.since}`}`,
    {
      headers: options?.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId },
    },
  );
  const chunks = response.body?.getReader();
  const { value } = (await chunks?.read()) ?? {};
  await chunks?.cancel();
  const [, data = 'null'] = /^event: hello\ndata: (.*)$/m.exec(new TextDecoder().decode(value)) ?? [];
  return { readFirst: JSON.parse(data) };
}
