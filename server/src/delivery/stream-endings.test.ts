import { afterEach, expect, test, vi } from 'vitest';
import { ENVIRONMENT, put, putLong } from './change-log.fixture.ts';
import type { DeliveryServer } from './delivery-server.fixture.ts';
import { openStream, StalledPeer, startDelivery } from './delivery-server.fixture.ts';
import { STALL_MS } from './subscriber.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const servers: DeliveryServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function start(settings: Parameters<typeof startDelivery>[1] = {}): Promise<DeliveryServer> {
  const server = await startDelivery(ENVIRONMENT, settings);
  servers.push(server);
  return server;
}

const limits = { streamsMax: 3, streamsPerKeyMax: 2, streamsPerSecondMax: 1_000, clientStreamsShare: 80 };

test('[D17] a peer that takes nothing for 30 s is cut, others stay (OVL-2)', async () => {
  const server = await start();
  const { reader } = await openStream(server);
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(2), PATIENTLY);
  while ((await server.metric('dimmer_slow_streams_total')) === 0) {
    server.log.commit(putLong('a', 60_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitFor(() => expect(reader.cursor?.revision).toBe(server.log.revision), PATIENTLY);
  server.time.pass(STALL_MS - 1);
  expect(await server.metric('dimmer_streams_cut_total{cause="stalled"}')).toBe(0);
  server.time.pass(1);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(1), PATIENTLY);
  expect(await server.metric('dimmer_streams_cut_total{cause="stalled"}')).toBe(1);
  peer.stop();
});

test('[D17] of a large change set no more than 128 KB is handed over at once, and all of it arrives', async () => {
  const server = await start();
  for (let index = 0; index < 200; index += 1) server.log.commit(putLong(`flag-${index}`, 60_000));
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(1), PATIENTLY);
  const bytes = (): Promise<number | undefined> => server.metric('dimmer_stream_bytes_total');
  // The kernel takes some megabytes of the twelve; what it does not take stays where all streams share it.
  await vi.waitFor(async () => expect(await bytes()).toBeGreaterThan(131_072), PATIENTLY);
  expect(await bytes()).toBeLessThan(11_000_000);
  peer.resume();
  await vi.waitFor(() => expect(peer.read().cursor?.revision).toBe(200), { timeout: 20_000 });
  peer.stop();
});

test('[D17] a goodbye waits for the change set that is being sent', async () => {
  const server = await start();
  for (let index = 0; index < 200; index += 1) server.log.commit(putLong(`flag-${index}`, 60_000));
  const peer = new StalledPeer(server);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(1), PATIENTLY);
  server.delivery.revoke(() => false);
  peer.resume();
  await vi.waitFor(() => expect(peer.read().types.at(-1)).toBe('goodbye'), { timeout: 20_000 });
  expect(peer.read().cursor?.revision).toBe(200);
});

test('[D19] a stream ends with a goodbye at some time between half its greatest age and all of it', async () => {
  const uint32 = vi.fn(() => 0);
  const server = await start({ random: { uint32, bytes: () => new Uint8Array() } });
  const young = await openStream(server);
  uint32.mockReturnValue(2 ** 32 - 1);
  const old = await openStream(server);
  server.time.pass(1_799_999);
  expect(server.delivery.streams()).toBe(2);
  server.time.pass(1);
  await young.ended;
  expect(young.reader.messages.at(-1)).toEqual({
    type: 'goodbye',
    reason: 'rebalancing',
    reconnectInMs: 999,
  });
  expect(server.delivery.streams()).toBe(1);
  server.time.pass(1_800_000);
  await old.ended;
  expect(server.delivery.streams()).toBe(0);
});

test('[D20] a stream beyond a limit gets a polite no, those that are open go on, and polls are served (OVL-5)', async () => {
  const server = await start({ limits });
  const open = await Promise.all(['a', 'a', 'b'].map((keyId) => openStream(server, { keyId })));
  const ask = (keyId: string): Promise<Response> =>
    fetch(`${server.url}/stream`, { headers: { authorization: keyId } });
  const refused = await Promise.all(Array.from({ length: 20 }, () => ask('c')));
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 503));
  expect(refused.map(({ headers }) => headers.get('connection'))).toEqual(refused.map(() => 'close'));
  expect(await refused[0]?.json()).toMatchObject({ code: 'UNAVAILABLE', remedy: expect.any(String) });
  const waits = refused.map(({ headers }) => Number(headers.get('retry-after')));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...waits)).toBeLessThanOrEqual(30);
  expect(new Set(waits).size).toBeGreaterThan(3);
  expect((await fetch(`${server.url}/snapshot`)).status).toBe(200);
  expect(await server.metric('dimmer_streams_refused_total{cause="node"}')).toBe(20);

  server.log.commit(put('a'));
  await vi.waitFor(
    () => expect(open.every(({ reader }) => reader.cursor?.revision === 1)).toBe(true),
    PATIENTLY,
  );
  open[2]?.stop();
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(2), PATIENTLY);
  expect((await ask('a')).status).toBe(503);
  expect(await server.metric('dimmer_streams_refused_total{cause="key"}')).toBe(1);
  const taken = await openStream(server, { keyId: 'b' });
  await vi.waitFor(() => expect(taken.reader.cursor?.revision).toBe(1), PATIENTLY);
});

test('[D20] a request for a stream that comes to nothing gives its place back', async () => {
  const server = await startDelivery({ ...ENVIRONMENT, environment: 'nowhere' }, { limits });
  servers.push(server);
  for (let round = 0; round < 5; round += 1) {
    expect((await fetch(`${server.url}/stream`)).status).toBe(404);
  }
});

test('[D21] a draining server is unready, sends its streams away evenly, and serves them until then', async () => {
  const server = await start();
  const streams = await Promise.all(Array.from({ length: 10 }, () => openStream(server)));
  await vi.waitFor(
    () => expect(streams.every(({ reader }) => reader.cursor?.revision === 0)).toBe(true),
    PATIENTLY,
  );
  const drained = server.delivery.drain(10_000);
  expect(server.delivery.ready()).toBe(false);
  expect((await fetch(`${server.url}/stream`)).status).toBe(503);
  expect((await fetch(`${server.url}/snapshot`)).status).toBe(200);
  server.time.pass(5_000);
  await vi.waitFor(() => expect(server.delivery.streams()).toBe(5), PATIENTLY);
  server.log.commit(put('a'));
  const last = streams.slice(5);
  await vi.waitFor(
    () => expect(last.every(({ reader }) => reader.cursor?.revision === 1)).toBe(true),
    PATIENTLY,
  );
  server.time.pass(5_000);
  await Promise.all(streams.map(({ ended }) => ended));
  await drained;
  const goodbyes = streams.map(({ reader }) => reader.messages.at(-1));
  for (const goodbye of goodbyes) expect(goodbye).toMatchObject({ type: 'goodbye', reason: 'draining' });
  const delays = goodbyes.map((goodbye) => (goodbye?.type === 'goodbye' ? goodbye.reconnectInMs : NaN));
  expect(Math.max(...delays)).toBeLessThan(1_000);
  expect(new Set(delays).size).toBeGreaterThan(3);
});
