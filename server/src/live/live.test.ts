import { LIVE_EVENTS } from '@dimmer/schema/rest';
import { afterEach, expect, test } from 'vitest';
import type { LiveReader } from './live-server.fixture.ts';
import { eventually, PRODUCTION, startLiveServer, stopLiveServers } from './live-server.fixture.ts';

afterEach(stopLiveServers);

const revisionsOf = (reader: LiveReader): number[] => reader.data('change').map(({ revision }) => revision);

test('[L1] a stream greets, and tells a change as the history has it, with its place as id', async () => {
  const shop = await startLiveServer();
  await shop.commit();
  const reader = await shop.live();
  expect(reader.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-request-id': expect.any(String),
  });
  const revision = await shop.commit();
  await eventually(() => expect(revisionsOf(reader)).toEqual([revision]));
  const [hello] = reader.data('hello');
  expect(hello).toMatchObject({
    protocol: 1,
    revision: revision - 1,
    since: revision - 1,
    heartbeatMs: 15_000,
  });
  expect(reader.events[0]?.id).toBe(`${hello.epoch}:${revision - 1}`);
  const change = reader.events.find(({ event }) => event === 'change');
  const { items } = await shop.ask(`GET ${PRODUCTION}/revisions?after=${revision - 1}`);
  expect(change).toEqual({ event: 'change', id: `${hello.epoch}:${revision}`, data: items[0] });
});

test('[L1] the data of every event is as its schema says', async () => {
  const shop = await startLiveServer({ environment: { DIMMER_HEARTBEAT_MS: '1000' } });
  const reader = await shop.live();
  await shop.commit();
  await eventually(() => expect(reader.data('heartbeat')).not.toEqual([]));
  await shop.server.close();
  await reader.ended;
  const names = Object.keys(LIVE_EVENTS) as (keyof typeof LIVE_EVENTS)[];
  for (const name of names) {
    const told = reader.data(name);
    expect([name, told.length > 0]).toEqual([name, true]);
    for (const data of told) expect(LIVE_EVENTS[name].parse(data)).toEqual(data);
  }
});

test('[L2] with since come first the changes after it, in pages, then what is new', async () => {
  const shop = await startLiveServer();
  for (let index = 0; index < 250; index += 1) await shop.commit();
  const reader = await shop.live({ query: '?since=3' });
  await eventually(() => expect(revisionsOf(reader).at(-1)).toBe(250));
  const last = await shop.commit();
  await eventually(() => expect(revisionsOf(reader).at(-1)).toBe(last));
  expect(revisionsOf(reader)).toEqual(Array.from({ length: last - 3 }, (_, index) => index + 4));
});

test('[L2] Last-Event-ID goes on where a stream broke, also before the first change, and before a since', async () => {
  const shop = await startLiveServer();
  await shop.commit();
  const first = await shop.live();
  await eventually(() => expect(first.events).toHaveLength(1));
  first.stop();
  const id = first.events[0]?.id ?? '';
  const missed = await shop.commit();
  const second = await shop.live({ lastEventId: id, query: '?since=0' });
  await eventually(() => expect(revisionsOf(second)).toEqual([missed]));
});

test('[L2] a since that the history does not reach begins where it does, one of the future or of another epoch now', async () => {
  const shop = await startLiveServer();
  for (let index = 0; index < 5; index += 1) await shop.commit();
  await shop.storage.prune({ revisions: 2, days: 0 });
  const hellos = await Promise.all(
    [{ query: '?since=0' }, { query: '?since=99' }, { lastEventId: 'another:1' }].map(async (asked) => {
      const reader = await shop.live(asked);
      await eventually(() => expect(reader.data('hello')).toHaveLength(1));
      return reader.data('hello')[0];
    }),
  );
  const floor = (await shop.storage.read('default'))?.environments.get('production')?.historyFloor;
  expect(floor).toBeGreaterThan(0);
  expect(hellos.map(({ since }) => since)).toEqual([floor, 5, 5]);
});

test('[L3] however streams come and writers write, every change comes once and in order', async () => {
  const shop = await startLiveServer();
  const readers: { since: number; reader: LiveReader }[] = [];
  let writing = true;
  const writers = [0, 1, 2].map(async () => {
    for (let index = 0; index < 60; index += 1) await shop.commit();
  });
  const opening = (async () => {
    while (writing && readers.length < 25) {
      const since = Math.max(0, ((await newest()) ?? 0) - (readers.length % 5) * 10);
      readers.push({ since, reader: await shop.live({ query: `?since=${since}` }) });
    }
  })();
  await Promise.all(writers);
  writing = false;
  await opening;
  expect(readers.length).toBeGreaterThan(5);
  for (const { since, reader } of readers) {
    await eventually(() => expect(revisionsOf(reader).at(-1)).toBe(180));
    expect(revisionsOf(reader)).toEqual(Array.from({ length: 180 - since }, (_, index) => since + 1 + index));
  }

  async function newest(): Promise<number | undefined> {
    return (await shop.storage.read('default'))?.environments.get('production')?.revision;
  }
});

test('[L3] a commit whose announcement is lost is found by the tick, and a failed read loses nothing', async () => {
  let isDown = false;
  const shop = await startLiveServer({
    wrap: (storage) =>
      new Proxy(storage, {
        get: (target, name) => {
          if (name === 'onCommit') return () => () => {};
          if (name === 'changesAfter' && isDown) return () => Promise.reject(new Error('down'));
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  const reader = await shop.live();
  isDown = true;
  const revision = await shop.commit();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(revisionsOf(reader)).toEqual([]);
  isDown = false;
  await eventually(() => expect(revisionsOf(reader)).toEqual([revision]));
});

test('[L4] the receipt of a new revision goes from incomplete to complete, as its route answers it, and ends', async () => {
  const shop = await startLiveServer();
  await shop.report('web-1', 0);
  await shop.report('web-2', 0);
  const reader = await shop.live();
  const revision = await shop.commit();
  const receipts = (): { applied: number; complete: boolean }[] => reader.data('receipt');
  await eventually(() => expect(receipts().at(-1)).toMatchObject({ revision, applied: 0, instances: 2 }));
  await shop.report('web-1', revision);
  await eventually(() => expect(receipts().at(-1)).toMatchObject({ revision, applied: 1, complete: false }));
  await shop.report('web-2', revision);
  await eventually(() => expect(receipts().at(-1)).toMatchObject({ revision, applied: 2, complete: true }));
  const { at: _, ...asked } = await shop.ask(`GET ${PRODUCTION}/revisions/${revision}/receipt`);
  expect(receipts().at(-1)).toMatchObject(asked);
  expect(receipts()).toHaveLength(3);
});

test('[L4] whoever comes back within a minute gets the receipt of what was missed', async () => {
  const shop = await startLiveServer();
  await shop.report('web-1', 0);
  const revision = await shop.commit();
  const reader = await shop.live({ query: `?since=${revision - 1}` });
  await eventually(() => expect(reader.data('receipt')).toMatchObject([{ revision, complete: false }]));
  const other = await shop.live();
  await shop.report('web-1', revision);
  await eventually(() => expect(reader.data('receipt')).toMatchObject([{}, { revision, complete: true }]));
  expect(other.data('receipt')).toEqual([]);
});

test('[L4] a newer revision does not stop the receipts of an older one', async () => {
  const shop = await startLiveServer();
  await shop.report('web-1', 0);
  const reader = await shop.live();
  const older = await shop.commit();
  await eventually(() => expect(reader.data('receipt')).toHaveLength(1));
  const newer = await shop.commit();
  await eventually(() => expect(reader.data('receipt')).toHaveLength(2));
  await shop.report('web-1', newer);
  await eventually(() => {
    const complete = reader.data('receipt').filter((receipt) => receipt.complete);
    expect(complete.map(({ revision }) => revision).sort()).toEqual([older, newer]);
  });
});

test('[L4] after 60 s comes a last receipt, complete or not', async () => {
  const shop = await startLiveServer({ manual: true });
  await shop.report('web-1', 0);
  const reader = await shop.live();
  const revision = await shop.commit();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      shop.time.pass(250);
      // A round takes a turn of the event loop per receipt.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await pass(58_000);
  await eventually(() => expect(reader.data('receipt')).toHaveLength(1));
  await pass(4_000);
  await eventually(() => expect(reader.data('receipt')).toHaveLength(2));
  const [, last] = reader.data('receipt');
  expect(last).toMatchObject({ revision, complete: false, instances: 1, applied: 0 });
  expect(Date.parse(last.at) - Date.parse(last.committedAt)).toBeGreaterThanOrEqual(60_000);
  await pass(4_000);
  expect(reader.data('receipt')).toHaveLength(2);
});

test('[L5] streams of one environment share one read of the history per commit', async () => {
  let reads = 0;
  const shop = await startLiveServer({
    manual: true,
    wrap: (storage) =>
      new Proxy(storage, {
        get: (target, name) => {
          const value = Reflect.get(target, name, target);
          if (name === 'changesAfter') reads += 1;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  const readers = await Promise.all(Array.from({ length: 20 }, () => shop.live()));
  await eventually(() =>
    expect(readers.map((reader) => reader.data('hello').length)).toEqual(readers.map(() => 1)),
  );
  reads = 0;
  const revision = await shop.commit();
  shop.time.pass(20);
  await eventually(() => {
    for (const reader of readers) expect(revisionsOf(reader)).toEqual([revision]);
  });
  // One for the commit, and one of delivery.
  expect(reads).toBeLessThanOrEqual(2);
});

test('[L6] a heartbeat names the revision up to which everything was told', async () => {
  const shop = await startLiveServer({ manual: true, environment: { DIMMER_HEARTBEAT_MS: '1000' } });
  const revision = await shop.commit();
  const reader = await shop.live();
  await eventually(() => expect(reader.data('hello')).toHaveLength(1));
  shop.time.pass(1_000);
  await eventually(() => expect(reader.data('heartbeat')).toEqual([{ revision }]));
});
