import { afterEach, expect, test } from 'vitest';
import { STALL_MS } from '../delivery/subscriber.ts';
import { LIVE_LIMITS } from './live.ts';
import type { LiveReader } from './live-server.fixture.ts';
import { eventually, PRODUCTION, SERVER, startLiveServer, stopLiveServers } from './live-server.fixture.ts';

afterEach(stopLiveServers);

const OPEN = 'dimmer_live_streams{project="default",environment="production"}';
const problemOf = (reader: LiveReader): { code: string } => JSON.parse(reader.text());

test('[L7] a reader that takes nothing for 30 s is cut, and others stay', async () => {
  const shop = await startLiveServer({ manual: true });
  const reader = await shop.live();
  const hangUp = shop.stall();
  await eventually(async () => expect(await shop.metric(OPEN)).toBe(2));
  // Until what is sent fills the sockets of both sides, which is some megabytes.
  for (let round = 0; round < 7; round += 1) {
    await shop.ask(`POST ${PRODUCTION}/changes`, { edits: longEdits(round) });
    shop.time.pass(20);
    await eventually(() => expect(reader.data('change')).toHaveLength(round + 1));
  }
  shop.time.pass(STALL_MS - 1_000);
  expect(await shop.metric('dimmer_live_streams_cut_total{cause="stalled"}')).toBe(0);
  shop.time.pass(1_000);
  await eventually(async () => expect(await shop.metric(OPEN)).toBe(1));
  expect(await shop.metric('dimmer_live_streams_cut_total{cause="stalled"}')).toBe(1);
  hangUp();
});

test('[L8] the stream of a deleted key ends with a goodbye within 5 s', async () => {
  const shop = await startLiveServer();
  const grant = { name: 'ci', role: 'viewer', project: 'default' };
  const { id, secret } = await shop.ask('POST /api/v1/keys', grant);
  const [watched, other] = [await shop.live({ key: secret }), await shop.live()];
  await eventually(() => expect(watched.data('hello')).toHaveLength(1));
  await shop.ask(`DELETE /api/v1/keys/${id}`);
  await eventually(() => expect(watched.data('goodbye')).toMatchObject([{ reason: 'revoked' }]));
  await watched.ended;
  expect(other.data('goodbye')).toEqual([]);
});

test('[L8] a draining server says goodbye to each over the spread, and tells changes until then', async () => {
  const shop = await startLiveServer({ environment: { DIMMER_DRAIN_SPREAD_MS: '400' } });
  const readers = await Promise.all([shop.live(), shop.live(), shop.live()]);
  const drained = shop.server.drain();
  await Promise.all(readers.map(({ ended }) => ended));
  for (const reader of readers) {
    expect(reader.events.at(-1)).toMatchObject({
      event: 'goodbye',
      data: { reason: 'draining', reconnectInMs: expect.any(Number) },
    });
  }
  await drained;
});

test('[L8] when the history becomes another one, readers are sent back to it', async () => {
  let epoch: string | undefined;
  const shop = await startLiveServer({
    wrap: (storage) =>
      new Proxy(storage, {
        get: (target, name) => {
          if (name === 'read') return async (project: string) => restored(await target.read(project));
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  function restored(state: Awaited<ReturnType<typeof shop.storage.read>>): typeof state {
    const production = state?.environments.get('production');
    if (state === undefined || production === undefined || epoch === undefined) return state;
    const environment = { ...production.environment, epoch };
    return {
      ...state,
      environments: new Map([...state.environments, ['production', { ...production, environment }]]),
    };
  }
  const reader = await shop.live();
  await eventually(() => expect(reader.data('hello')).toHaveLength(1));
  epoch = 'restored';
  await reader.ended;
  expect(reader.data('goodbye')).toMatchObject([{ reason: 'rebalancing' }]);
  const again = await shop.live({ lastEventId: reader.events[0]?.id ?? '' });
  await eventually(() => expect(again.data('hello')).toMatchObject([{ epoch }]));
});

test('[L9] one key has its share of streams, the next is a polite 503, and a place that is left is free', async () => {
  const shop = await startLiveServer();
  const readers: LiveReader[] = [];
  while (readers.length < LIVE_LIMITS.streamsPerKeyMax) {
    const reader = await shop.live();
    // The second's share comes back while this waits.
    if (reader.status === 200) readers.push(reader);
    else await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const refused = await shop.live();
  await refused.ended;
  expect([refused.status, problemOf(refused).code]).toEqual([503, 'UNAVAILABLE']);
  const wait = Number(refused.headers['retry-after']);
  expect(wait).toBeGreaterThanOrEqual(1);
  expect(wait).toBeLessThanOrEqual(30);
  expect(await shop.metric('dimmer_live_streams_refused_total{cause="key"}')).toBe(1);
  readers[0]?.stop();
  await eventually(async () => expect((await shop.live()).status).toBe(200), {
    timeout: 20_000,
    interval: 100,
  });
});

test('[L10] only an admin key that opens the project may watch, and viewer is enough', async () => {
  const shop = await startLiveServer();
  await shop.ask('POST /api/v1/projects', { key: 'other', name: 'Other' });
  const keyOf = async (project: string): Promise<string> =>
    (await shop.ask('POST /api/v1/keys', { name: project, role: 'viewer', project })).secret;
  const asked: [string, number, string][] = [
    [SERVER, 403, 'WRONG_KEY_KIND'],
    [await keyOf('other'), 403, 'FORBIDDEN'],
    [`dim_adm_${'z'.repeat(32)}`, 401, 'UNAUTHENTICATED'],
  ];
  for (const [key, status, code] of asked) {
    const reader = await shop.live({ key });
    await reader.ended;
    expect([reader.status, problemOf(reader).code]).toEqual([status, code]);
  }
  expect((await shop.live({ key: await keyOf('default') })).status).toBe(200);
});

test('[L10] HEAD answers the headers, another method 405, nonsense 400, and what does not exist 404', async () => {
  const shop = await startLiveServer();
  const head = await shop.live({ method: 'HEAD' });
  await head.ended;
  expect([head.status, head.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const post = await shop.live({ method: 'POST' });
  await post.ended;
  expect([post.status, post.headers['allow']]).toEqual([405, 'GET']);
  for (const query of ['?since=x', '?since=-1', '?since=1.5', '?after=3']) {
    const reader = await shop.live({ query });
    await reader.ended;
    expect([query, reader.status, problemOf(reader).code]).toEqual([query, 400, 'INVALID_REQUEST']);
  }
  const nowhere = shop.ask('GET /api/v1/projects/default/environments/nowhere/live');
  await expect(nowhere).rejects.toThrow('ENVIRONMENT_NOT_FOUND');
  expect(await shop.metric(OPEN)).toBeUndefined();
});

test('[L11] an environment is followed while somebody watches, and no longer', async () => {
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
  const readers = [await shop.live(), await shop.live()];
  expect(await shop.metric(OPEN)).toBe(2);
  await shop.commit();
  shop.time.pass(20);
  // Delivery reads each commit too.
  await eventually(() => expect(reads).toBe(2));
  for (const reader of readers) reader.stop();
  await eventually(async () => expect(await shop.metric(OPEN)).toBeUndefined());
  await shop.commit();
  await eventually(() => expect(reads).toBe(3));
  shop.time.pass(2_000);
  // Whatever that made it read has been asked for when another request is answered.
  await shop.ask(`GET ${PRODUCTION}`);
  expect(reads).toBe(3);
});

/** Edits that take a megabyte to send, and two to tell. */
function longEdits(round: number): object[] {
  const padding = String(round).repeat(900);
  const metadata = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`m${index}`, padding]));
  return Array.from({ length: 100 }, (_, index) => {
    const key = `flag-${index}`;
    return round === 0
      ? { edit: 'createFlag', flag: { key, metadata } }
      : { edit: 'patchFlag', key, patch: { metadata } };
  });
}
