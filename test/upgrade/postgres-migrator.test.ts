import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createHistoryFile } from '../faults/history-file.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createFlags, startTraffic } from '../faults/traffic.ts';

const OPEN_DATABASE = fileURLToPath(new URL('open-database.mjs', import.meta.url));
const STEPS = fileURLToPath(new URL('../../server/migrations/postgres', import.meta.url));
const SERVERS = 3;
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 4);
/** How long somebody holds a lock that a migration needs. */
const LOCK_HELD_MS = 10_000;
/** What the next version may bring: each way in which steps are taken. */
const NEXT_STEPS = [
  `CREATE TABLE "later" ("id" bigint PRIMARY KEY, "note" text);
--> statement-breakpoint
CREATE INDEX "later_by_note" ON "later" ("note");
--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "later" text DEFAULT 'x' NOT NULL;`,
  'CREATE INDEX CONCURRENTLY "changes_by_time" ON "changes" ("at");',
  'ALTER TABLE "flags" ADD COLUMN "later" bigint;',
];

let directory: string;
let folder: string;
let database: TestDatabase;
let children: readonly ChildProcess[] = [];
let servers: readonly ServerProcess[] = [];

describe.skipIf(postgresMissing !== undefined)(`PostgreSQL${postgresMissing ?? ''}`, () => {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dimmer-migrator-'));
    folder = join(directory, 'migrations');
    await cp(STEPS, folder, { recursive: true });
    database = await createTestDatabase();
  });

  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    [children, servers] = [[], []];
    await database.drop();
    await rm(directory, { recursive: true });
  });

  test('[U6] three servers that start together on an empty database migrate it once, and all serve', async () => {
    servers = await Promise.all(Array.from({ length: SERVERS }, () => createServerProcess(database.url)));
    await Promise.all(servers.map((server) => server.start()));
    expect(await stepsTaken()).toEqual((await stepsIn(STEPS)).map((_, step) => step));
    for (const { url } of servers) expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }, 120_000);

  test('[U6] three servers of the next version that start together migrate once, while one of this version serves', async () => {
    const server = await serverWithFlags();
    await addSteps();
    const opened = await Promise.all(Array.from({ length: SERVERS }, () => openInProcess()));
    expect(opened.map(({ code, errors }) => ({ code, errors }))).toEqual(
      opened.map(() => ({ code: 0, errors: '' })),
    );
    expect(await stepsTaken()).toEqual((await stepsIn(folder)).map((_, step) => step));
    const written = await underTraffic(server, () => sleep(500));
    expect(written.failed).toBe(0);
  }, 120_000);

  test('[U7] a migrator that is killed before one of its statements leaves what the next one finishes', async () => {
    // Copies are made of it, which nobody may be connected to.
    expect(openNow().status).toBe(0);
    await addSteps();
    const steps = (await stepsIn(folder)).map((_, step) => step);
    const template = new URL(database.url).pathname.slice(1);
    const counted = await createTestDatabase(`template ${template}`);
    const statements = Number(openNow(counted.url, 0, folder).stdout);
    const whole = await tablesOf(counted);
    await counted.drop();
    expect(statements).toBeGreaterThan(NEXT_STEPS.length * 2);
    const every = Array.from({ length: statements }, (_, index) => index + 1);
    for (const place of drawn(every, KILLS)) {
      const copy = await createTestDatabase(`template ${template}`);
      expect(openNow(copy.url, place, folder).signal, `before statement ${place}`).toBe('SIGKILL');
      // Its predecessor starts on what it has left, and so does its next start.
      expect(openNow(copy.url).stderr, `the version before, after statement ${place}`).toBe('');
      expect(openNow(copy.url, 0, folder).stderr, `after statement ${place}`).toBe('');
      expect(await tablesOf(copy)).toEqual(whole);
      expect(await stepsTaken(copy)).toEqual(steps);
      await copy.drop();
    }
  }, 300_000);

  test('[U8] a migration that meets a lock gives way, and tries again; the server that runs loses nothing', async () => {
    const server = await serverWithFlags();
    await addSteps();
    const holder = await database.session();
    await holder.query('begin');
    await holder.query(`select 1 from environments where key = 'staging' for update`);
    const migration = openInProcess();
    let takenEarly: readonly unknown[] = [];
    const written = await underTraffic(server, async () => {
      await sleep(LOCK_HELD_MS);
      takenEarly = await stepsTaken();
      await holder.query('commit');
      await holder.end();
      expect(await migration).toMatchObject({ code: 0, errors: '' });
    });
    expect(takenEarly).toEqual((await stepsIn(STEPS)).map((_, step) => step));
    expect(await stepsTaken()).toEqual((await stepsIn(folder)).map((_, step) => step));
    expect(written.failed).toBe(0);
    expect(written.acknowledged).toBeGreaterThan(0);
    if (process.env['DIMMER_TEST_PRINT'])
      console.info(`writes beside a migration that waits: ${summaryOf(written)}`);
  }, 180_000);
});

/** Some of them, in their order; all, where there are no more. */
function drawn(places: readonly number[], count: number): readonly number[] {
  const random = seededRandom(Date.now() % 2 ** 31);
  const left = [...places];
  while (left.length > count) left.splice(random.between(0, left.length - 1), 1);
  return left;
}

/** A server of this version, on tables of this version. */
async function serverWithFlags(): Promise<ServerProcess> {
  const server = await createServerProcess(database.url);
  servers = [server];
  await server.start();
  await createFlags(server);
  return server;
}

/** Puts steps of the next version into the folder. */
async function addSteps(): Promise<void> {
  const first = (await stepsIn(STEPS)).length;
  for (const [index, statements] of NEXT_STEPS.entries()) {
    const name = `${String(first + index).padStart(4, '0')}_next.sql`;
    await writeFile(join(folder, name), `-- least reader: 0\n${statements}\n`);
  }
}

async function stepsIn(path: string): Promise<readonly string[]> {
  return (await readdir(path)).filter((file) => file.endsWith('.sql'));
}

/** Opens it as the next version does, in a process of its own. */
async function openInProcess(): Promise<{ readonly code: number | null; readonly errors: string }> {
  const child = spawn(process.execPath, [OPEN_DATABASE, database.url, '0', folder]);
  children = [...children, child];
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors };
}

function openNow(url = database.url, killedBefore = 0, steps = STEPS): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, [OPEN_DATABASE, url, String(killedBefore), steps], { encoding: 'utf8' });
}

async function stepsTaken(of = database): Promise<readonly unknown[]> {
  return (await of.query('select step from dimmer_migrations order by step')).map(({ step }) => step);
}

/** Every column and every index that counts. */
async function tablesOf(of: TestDatabase): Promise<readonly unknown[]> {
  return of.query(`
    select table_name, column_name, data_type, is_nullable from information_schema.columns where table_schema = 'public'
    union all
    select relname, 'index', indisvalid::text, '' from pg_index join pg_class on pg_class.oid = indexrelid
    where relnamespace = 'public'::regnamespace
    order by 1, 2`);
}

interface Written {
  readonly acknowledged: number;
  /** Requests that got no answer, or 500 and beyond. */
  readonly failed: number;
  /** How long requests took, in milliseconds. */
  readonly times: readonly number[];
}

/** Writes at a steady pace to a server while something is done. */
async function underTraffic(server: ServerProcess, meanwhile: () => Promise<unknown>): Promise<Written> {
  const history = createHistoryFile(join(directory, `history-${randomUUID()}.jsonl`));
  const times: number[] = [];
  let [acknowledged, failed] = [0, 0];
  const traffic = startTraffic({
    server,
    history,
    random: seededRandom(4400),
    perSecond: 20,
    send: async (_, method, path, body) => {
      const startedAt = performance.now();
      failed += 1;
      const response = await fetch(server.url + path, {
        method,
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      times.push(performance.now() - startedAt);
      if (response.status < 500) failed -= 1;
      if (response.ok) acknowledged += 1;
      return response;
    },
  });
  try {
    await meanwhile();
  } finally {
    await traffic.stop();
    history.close();
  }
  return { acknowledged, failed, times: times.sort((one, other) => one - other) };
}

function summaryOf({ times }: Written): string {
  const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(0);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms of ${times.length}`;
}
