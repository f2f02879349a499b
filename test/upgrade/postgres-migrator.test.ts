import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openPostgresStorage, systemClock, systemSchedule } from '@dimmer/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createHistoryFile } from '../faults/history-file.ts';
import { waitedForProcessorMs } from '../faults/processor-wait.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { createServerProcess, isRunning, type ServerProcess } from '../faults/server-process.ts';
import { createFlags, startTraffic } from '../faults/traffic.ts';
import { fillDatabase } from './fill-history.ts';

const OPEN_DATABASE = fileURLToPath(new URL('open-database.mjs', import.meta.url));
const STEPS = fileURLToPath(new URL('../../server/migrations/postgres', import.meta.url));
const SERVERS = 3;
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 4);
/** Of those that are killed at any moment, rather than before one of their statements. */
const KILLS_AT_ANY_MOMENT = Number(process.env['DIMMER_TEST_MIGRATOR_KILLS'] ?? 2);
const STORE_MB = Number(process.env['DIMMER_TEST_STORE_MB'] ?? 4);
/** How long those wait at most who find another at it. */
const WAIT_MS_MAX = 60_000;
/** What a machine may keep from a server without any of its answers being a polite no, in milliseconds. */
const STALL_MAX_MS = 500;
/** What a process that opened it ends with. */
const DONE = { code: 0, errors: '' };
/** What the next version may bring: each way in which steps are taken. */
const NEXT_STEPS = [
  `CREATE TABLE "later" ("id" bigint PRIMARY KEY, "note" text);
--> statement-breakpoint
CREATE INDEX "later_by_note" ON "later" ("note");
--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "later" text DEFAULT 'x' NOT NULL;`,
  'CREATE INDEX CONCURRENTLY "changed_objects_by_revision" ON "changed_objects" ("revision");',
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
  }, 240_000);

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
  }, 240_000);

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
      for (const migrationsFolder of [STEPS, folder]) {
        const opening = openedHere({ url: copy.url, migrationsFolder });
        await expect(opening, `with ${migrationsFolder}, after statement ${place}`).resolves.toBeUndefined();
      }
      expect(await tablesOf(copy)).toEqual(whole);
      expect(await stepsTaken(copy)).toEqual(steps);
      await copy.drop();
    }
  }, 600_000);

  test(
    `[U6, U7] migrators of ${STORE_MB} MB that are killed at any moment leave what the next one finishes, while one of this version serves`,
    async () => {
      const first = await serverWithFlags();
      expect(await first.end('SIGTERM')).toBe(0);
      const megabytes = await fillDatabase(database, STORE_MB);
      await addSteps();
      // Copies are made of it, which nobody may be connected to.
      const template = `template ${new URL(database.url).pathname.slice(1)}`;
      const whole = await createTestDatabase(template);
      const migratingMs = await timeOf(async () =>
        expect(await openInProcess({ url: whole.url })).toEqual(DONE),
      );
      const openingMs = await timeOf(async () =>
        expect(await openInProcess({ url: whole.url })).toEqual(DONE),
      );
      const [tables, steps] = [await tablesOf(whole), await stepsTaken(whole)];
      await whole.drop();

      const random = seededRandom(Date.now() % 2 ** 31);
      for (let kill = 0; kill < KILLS_AT_ANY_MOMENT; kill += 1) {
        const copy = await createTestDatabase(template);
        const server = await createServerProcess(copy.url);
        servers = [...servers, server];
        const servingMs = await timeOf(() => server.start());
        const killedAfterMs = random.between(0, Math.max(100, migratingMs - openingMs));
        let waitedMs: readonly number[] = [];
        const written = await underTraffic(server, async () => {
          waitedMs = await migratedByOthers(copy, killedAfterMs);
          expect(await openInProcess({ url: copy.url, steps: STEPS })).toEqual(DONE);
        });
        expect(Math.max(...waitedMs)).toBeLessThan(WAIT_MS_MAX);
        expect(await stepsTaken(copy)).toEqual(steps);
        expect(await tablesOf(copy)).toEqual(tables);
        expect(written.failed).toBe(0);
        expect(written.acknowledged).toBeGreaterThan(0);
        await server.end('SIGTERM');
        await copy.drop();
        if (process.env['DIMMER_TEST_PRINT'])
          console.info({ servingMs, killedAfterMs, waitedMs, writes: summaryOf(written) });
      }
      if (process.env['DIMMER_TEST_PRINT']) console.info({ megabytes, migratingMs, openingMs });
    },
    400_000 + STORE_MB * 2_000,
  );

  test('[U8] a migration that meets a lock gives way, and tries again; the server that runs loses nothing', async () => {
    const server = await serverWithFlags();
    await addSteps();
    const holder = await database.session();
    await holder.query('begin');
    await holder.query(`select 1 from environments where key = 'staging' for update`);
    const migration = openInProcess();
    let takenEarly: readonly unknown[] = [];
    const written = await underTraffic(server, async () => {
      await untilGivenWayTwice();
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

interface Opening {
  /** Default: the test's database. */
  readonly url?: string;
  /** The folder of the steps. Default: those of the next version. */
  readonly steps?: string;
}

interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

/** Opens it in a process of its own, by default as the next version does. */
function openInProcess(opening: Opening = {}): Promise<Ended> {
  return endOf(startOpening(opening));
}

function startOpening({ url = database.url, steps = folder }: Opening): ChildProcess {
  const child = spawn(process.execPath, [OPEN_DATABASE, url, '0', steps]);
  children = [...children, child];
  return child;
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let errors = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors };
}

/**
 * One begins to migrate, two more are started, and the first is killed after so many milliseconds.
 *
 * @returns After how many milliseconds each of the two had the tables whole.
 */
async function migratedByOthers(of: TestDatabase, killedAfterMs: number): Promise<readonly number[]> {
  const migrator = startOpening({ url: of.url });
  const ended = endOf(migrator);
  while (isRunning(migrator) && !(await isMigrating(of))) await sleep(5);
  const timer = setTimeout(() => migrator.kill('SIGKILL'), killedAfterMs);
  const others = Array.from({ length: SERVERS - 1 }, () =>
    timeOf(async () => expect(await openInProcess({ url: of.url })).toEqual(DONE)),
  );
  const waitedMs = await Promise.all(others);
  await ended;
  clearTimeout(timer);
  return waitedMs;
}

/** Whether somebody has the lock of the migrator. */
async function isMigrating(of: TestDatabase): Promise<boolean> {
  const held = await of.query(`
    select 1 from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and granted and objid = 4400001 and datname = current_database()`);
  return held.length > 0;
}

/** Waits until a migration has waited for a lock, has let go, and all that once more. */
async function untilGivenWayTwice(): Promise<void> {
  const waiting = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query ilike '%alter table%'`;
  for (const count of [1, 0, 1, 0]) {
    await expect.poll(() => database.query(waiting), { interval: 10, timeout: 60_000 }).toHaveLength(count);
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round(performance.now() - startedAt);
}

function openNow(url = database.url, killedBefore = 0, steps = STEPS): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, [OPEN_DATABASE, url, String(killedBefore), steps], { encoding: 'utf8' });
}

/** Opens it as a start does, without what it takes to start a process. */
async function openedHere(where: { readonly url: string; readonly migrationsFolder: string }): Promise<void> {
  const storage = await openPostgresStorage({ ...where, clock: systemClock, schedule: systemSchedule });
  await storage.close();
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
      failed += 1;
      const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
      let response: Response;
      let isStalled: boolean;
      do {
        const [startedAt, waitedMs] = [performance.now(), waitedForProcessorMs(server.pid())];
        response = await fetch(server.url + path, { method, headers, body: JSON.stringify(body) });
        times.push(performance.now() - startedAt);
        isStalled = waitedForProcessorMs(server.pid()) - waitedMs > STALL_MAX_MS;
        // A server without a processor may ask for patience; of one that had its time, nobody gets a no.
      } while (response.status === 503 && isStalled);
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
