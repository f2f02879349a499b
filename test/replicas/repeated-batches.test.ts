import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createSwallowingProxy, type SwallowingProxy } from '../faults/swallowing-proxy.ts';
import { ask, PRODUCTION, PROJECT, told } from './fleet.ts';

const WAIT = { timeout: 30_000, interval: 100 };
const CLIENT_KEY = `dim_cli_${'Client'.repeat(6)}`;
const KEYS = { DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY };
const COUNT = 7;

/** How a batch comes, and what is made of it. */
interface Form {
  readonly path: string;
  readonly key: (server: ServerProcess) => string;
  readonly body: (flag: string) => object;
}

const batchOf = (flag: string) => ({
  id: `batch of ${flag}`,
  exposures: [{ flag, variation: 'on', reason: 'SPLIT', count: COUNT }],
  events: [],
  dropped: { exposures: 0, events: 0 },
});

const reportOf = (flag: string) => ({
  instance: { id: `counts-${flag}`, sdk: { name: '@dimmer/node', version: '1' }, runningMs: 5 },
  status: { state: 'LIVE', mode: 'stream', epoch: null, revision: null, ageMs: 0, clockOffsetMs: null },
  applied: [],
  batch: batchOf(flag),
});

const REPORT: Form = { path: '/sdk/v1/report', key: ({ serverKey }) => serverKey, body: reportOf };

/** A report, one of a browser, and a bundle of a relay, which has two batches. */
const FORMS: readonly Form[] = [
  REPORT,
  { path: '/client/v1/report', key: () => CLIENT_KEY, body: reportOf },
  {
    ...REPORT,
    body: (flag) => ({
      id: `bundle of ${flag}`,
      reports: [{ via: 'relay-1', heldMs: 0, report: reportOf(flag) }],
      clients: [{ instance: 'page', batch: batchOf(flag) }],
      connected: [],
    }),
  },
];
const BATCHES = 4;

/** Both mostly wait until a server writes what it counted: together they take the time of the longer. */
const SIDE_BY_SIDE = { concurrent: true };

/** What is counted of each form in the end. */
const ONCE = [COUNT, COUNT, 2 * COUNT];

async function metric(server: ServerProcess, name: string): Promise<number> {
  const text = await (await ask(server, 'GET /metrics')).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

async function counted(server: ServerProcess, flag: string): Promise<number> {
  const { totals } = await told<{ totals: readonly { count: number }[] }>(
    server,
    `GET ${PRODUCTION}/flags/${flag}/exposures`,
  );
  return totals.reduce((sum, { count }) => sum + count, 0);
}

const post = (server: ServerProcess, url: string, form: Form, flag: string, signal?: AbortSignal) =>
  fetch(`${url}${form.path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${form.key(server)}`, 'content-type': 'application/json' },
    body: JSON.stringify(form.body(flag)),
    ...(signal && { signal }),
  });

const taken = (server: ServerProcess): Promise<number> =>
  metric(server, 'dimmer_reports_total\\{outcome="counted"\\}');

/** The server takes a batch, and its answer never arrives. */
async function sendUnheard(
  server: ServerProcess,
  proxy: SwallowingProxy,
  form: Form,
  flag: string,
): Promise<void> {
  const before = await taken(server);
  proxy.swallow(form.path);
  const giveUp = new AbortController();
  const answer = post(server, proxy.url, form, flag, giveUp.signal).catch(() => undefined);
  await vi.waitFor(async () => expect(await taken(server)).toBeGreaterThan(before), WAIT);
  giveUp.abort();
  expect(await answer).toBeUndefined();
  proxy.mend();
}

async function sendHeard(server: ServerProcess, form: Form, flag: string): Promise<void> {
  expect((await post(server, server.url, form, flag)).status).toBe(202);
}

async function makeFlag(server: ServerProcess, flag: string): Promise<void> {
  await told(server, `POST ${PROJECT}/flags`, { json: { key: flag, exposeToClients: true } });
}

/** Knows the flag, also where browsers ask. */
async function untilKnown(server: ServerProcess, flag: string): Promise<void> {
  await vi.waitFor(async () => {
    const answer = await ask(server, 'GET /sdk/v1/snapshot', { key: server.serverKey });
    expect(await answer.text()).toContain(`"${flag}"`);
  }, WAIT);
}

let sentinels = 0;

/** Until the servers have written everything that they took until now. */
async function untilWritten(servers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      sentinels += 1;
      const flag = `sentinel-${sentinels}`;
      await sendHeard(server, REPORT, flag);
      await vi.waitFor(async () => expect(await counted(server, flag)).toBe(COUNT), WAIT);
    }),
  );
}

/** Of each form, in the order of {@link FORMS}: what was counted under a flag of its own. */
async function sumsOf(server: ServerProcess, prefix: string): Promise<readonly number[]> {
  return Promise.all(FORMS.map((_, index) => counted(server, `${prefix}-${index}`)));
}

const forEachForm = async (
  prefix: string,
  work: (form: Form, flag: string) => Promise<void>,
): Promise<void> => {
  for (const [index, form] of FORMS.entries()) await work(form, `${prefix}-${index}`);
};

const repeatedAt = (server: ServerProcess): Promise<number> =>
  metric(server, 'dimmer_repeated_batches_total');

describe.skipIf(postgresMissing !== undefined)(
  `a batch that is sent again to another server on one PostgreSQL ${postgresMissing ?? ''}`,
  SIDE_BY_SIDE,
  () => {
    let database: TestDatabase;
    let one: ServerProcess;
    let other: ServerProcess;
    let proxy: SwallowingProxy;

    beforeAll(async () => {
      database = await createTestDatabase();
      one = await createServerProcess(database.url, KEYS);
      other = await createServerProcess(database.url, KEYS);
      await one.start();
      await other.start();
      proxy = await createSwallowingProxy(one.url);
    }, 180_000);
    afterAll(async () => {
      await proxy?.close();
      await Promise.all([one, other].map((server) => server?.end('SIGTERM')));
      await database?.drop();
    }, 60_000);

    async function makeFlags(prefix: string): Promise<void> {
      await forEachForm(prefix, (_, flag) => makeFlag(one, flag));
      for (const server of [one, other]) await untilKnown(server, `${prefix}-${FORMS.length - 1}`);
    }

    test.sequential('[M36] counts once where an answer was lost: of a report, a browser and a relay', async () => {
      await makeFlags('lost');
      await forEachForm('lost', (form, flag) => sendUnheard(one, proxy, form, flag));
      await forEachForm('lost', (form, flag) => sendHeard(other, form, flag));
      await untilWritten([one, other]);
      expect(await sumsOf(one, 'lost')).toEqual(ONCE);
      expect((await repeatedAt(one)) + (await repeatedAt(other))).toBe(BATCHES);
    }, 120_000);

    test.sequential('[M36] counts once where the server that took it was killed before it wrote, or behind it', async () => {
      for (const prefix of ['before', 'behind']) {
        await makeFlags(prefix);
        await forEachForm(prefix, (form, flag) => sendUnheard(one, proxy, form, flag));
        if (prefix === 'behind') await untilWritten([one]);
        const repeated = await repeatedAt(other);
        await one.end('SIGKILL');
        await forEachForm(prefix, (form, flag) => sendHeard(other, form, flag));
        await untilWritten([other]);
        expect(await sumsOf(other, prefix)).toEqual(ONCE);
        if (prefix === 'behind') expect((await repeatedAt(other)) - repeated).toBe(BATCHES);
        await one.start();
      }
    }, 240_000);
  },
);

describe('a batch that is sent again to a server that was started again, on SQLite', SIDE_BY_SIDE, () => {
  let folder: string;
  let server: ServerProcess;
  let proxy: SwallowingProxy;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dimmer-repeated-batches-'));
    server = await createServerProcess(join(folder, 'dimmer.db'), KEYS);
    await server.start();
    proxy = await createSwallowingProxy(server.url);
  }, 120_000);
  afterAll(async () => {
    await proxy?.close();
    await server?.end('SIGTERM');
    rmSync(folder, { recursive: true });
  }, 60_000);

  test('[M36] counts once, whether the server ended in peace or was killed before it wrote or behind it', async () => {
    for (const [prefix, signal] of [
      ['peace', 'SIGTERM'],
      ['before', 'SIGKILL'],
      ['behind', 'SIGKILL'],
    ] as const) {
      await forEachForm(prefix, async (form, flag) => {
        await makeFlag(server, flag);
        await sendUnheard(server, proxy, form, flag);
      });
      if (prefix === 'behind') await untilWritten([server]);
      await server.end(signal);
      await server.start();
      await forEachForm(prefix, (form, flag) => sendHeard(server, form, flag));
      await untilWritten([server]);
      expect(await sumsOf(server, prefix)).toEqual(ONCE);
      if (prefix !== 'before') expect(await repeatedAt(server)).toBe(BATCHES);
    }
  }, 240_000);
});
