import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, type TestContext, test, vi } from 'vitest';
import { ask, type EventsOfStream, openEvents, PRODUCTION, told } from '../replicas/fleet.ts';
import { createPostgresCluster, type PostgresCluster } from './postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { type Acknowledged, createFlag, readHistory } from './writer.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const FLAG = 'checkout';
/** Room for what PostgreSQL makes at first, and some. */
const DISK_MB = 96;
const LEFT_BYTES = 256 * 1024;
/** So that a write takes some 10 KB, and a few dozen of them what is left. */
const USERS = 500;
const WRITES_MAX = 1_000;
const SETTINGS = {
  data: [],
  // As for a replica that does not come for them: segments are kept, and not written again.
  wal: ['wal_keep_size = 1GB'],
} as const;

describe('a PostgreSQL whose disk is full', () => {
  let folder: string;
  let disk: SmallDisk | undefined;
  let postgres: PostgresCluster | undefined;
  let server: ServerProcess;
  let reading: EventsOfStream;
  let acknowledged: Acknowledged[] = [];
  let count = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dimmer-full-'));
    acknowledged = [];
  });
  afterEach(async () => {
    reading?.stop();
    await server?.end('SIGKILL');
    await postgres?.remove();
    disk?.unmount();
    await rm(folder, { recursive: true });
  });

  test('[PG15] [A50] of its data: writes are 507 and change nothing, all else goes on, and writes resume (DUR-4)', async ({
    skip,
  }) => {
    const small = await open('data', skip);
    small.fill(LEFT_BYTES);
    expect(await untilRefused()).toEqual({ status: 507, code: 'STORAGE_FULL', retryAfter: '1' });
    const before = await observe();
    for (let again = 0; again < 5; again += 1) expect((await write()).status).toBe(507);
    expect(await observe()).toEqual(before);
    await expectServing();
    small.makeSpace();
    expect((await write()).status).toBe(200);
    await expectAllThere();
    expect(await readHistory(server)).toHaveLength(acknowledged.length + 1);
  }, 240_000);

  test('[PG15] [A50] of its log: it crashes, writes are 503, all else goes on, and writes resume once it is started (DUR-4)', async ({
    skip,
  }) => {
    const small = await open('wal', skip);
    small.fill(LEFT_BYTES);
    expect((await untilRefused()).status).toBe(503);
    await vi.waitFor(() => expect(postgres?.isRunning()).toBe(false), WAIT);
    await expectServing();
    expect((await write()).status).toBe(503);
    small.makeSpace();
    await postgres?.start();
    await vi.waitFor(async () => expect((await write()).status).toBe(200), WAIT);
    await expectAllThere();
  }, 240_000);

  async function open(small: keyof typeof SETTINGS, skip: TestContext['skip']): Promise<SmallDisk> {
    disk = mountSmallDisk(folder, DISK_MB);
    if (disk === undefined) return skip('mounting a file system is not permitted here');
    postgres = await createPostgresCluster(SETTINGS[small], { [small]: folder });
    if (postgres === undefined) return skip('this machine has no programs of PostgreSQL');
    await postgres.start();
    server = await createServerProcess(postgres.url());
    await server.start();
    await createFlag(server, FLAG);
    reading = await openEvents(server);
    return disk;
  }

  async function write() {
    count += 1;
    const marker = `w${count}`;
    const rules = [{ id: marker, when: { all: [] }, serve: { variation: 'on' } }];
    const values = Array.from({ length: USERS }, (_, index) => `user-${index}-of-${marker}`);
    const json = { rules, targets: [{ variation: 'on', values }] };
    const answer = await ask(server, `PATCH ${PRODUCTION}/flags/${FLAG}`, { json });
    const { revision, code } = (await answer.json()) as { readonly revision: number; readonly code?: string };
    if (answer.ok) acknowledged.push({ revision, marker });
    return { status: answer.status, code, retryAfter: answer.headers.get('retry-after') };
  }

  async function untilRefused() {
    for (let tried = 0; tried < WRITES_MAX; tried += 1) {
      const answer = await write();
      if (answer.status !== 200) return answer;
    }
    throw new Error(`the disk is not full after ${WRITES_MAX} writes`);
  }

  /** All that a write would change. */
  async function observe(): Promise<readonly unknown[]> {
    const routes = [
      `${PRODUCTION}/flags/${FLAG}`,
      `${PRODUCTION}/revisions?limit=500`,
      '/api/v1/audit?limit=500',
    ];
    return Promise.all(routes.map((route) => told(server, `GET ${route}`)));
  }

  async function expectServing(): Promise<void> {
    const context = { json: { context: { targetingKey: 'user-1' } }, key: server.serverKey };
    expect((await ask(server, `POST /ofrep/v1/evaluate/flags/${FLAG}`, context)).status).toBe(200);
    expect((await ask(server, 'GET /readyz')).status).toBe(200);
    expect((await ask(server, 'GET /sdk/v1/snapshot', { key: server.serverKey })).status).toBe(200);
    const opened = await openEvents(server);
    expect(opened.status).toBe(200);
    opened.stop();
  }

  /** What was acknowledged is in the history, without a gap, and arrives on the stream that was open all the time. */
  async function expectAllThere(): Promise<void> {
    const history = await readHistory(server);
    expect(history.map(({ revision }) => revision)).toEqual(history.map((_, index) => index + 1));
    expect(history).toEqual(expect.arrayContaining(acknowledged));
    const last = acknowledged.at(-1);
    await vi.waitFor(() => expect(reading.revision()).toBe(last?.revision), WAIT);
    expect(reading.isOpen()).toBe(true);
  }
});
