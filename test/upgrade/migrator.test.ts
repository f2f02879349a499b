import { spawn, spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSqliteStorage, systemClock } from '@dimmer/server';
import SqliteConnection from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../faults/seeded-random.ts';
import { createServerProcess, endOf, type ServerProcess } from '../faults/server-process.ts';
import { RECORDED } from './builds.ts';
import { fillFile } from './fill-history.ts';
import { readMigrations } from './migrations/migration-file.ts';
import { kill, openShop, restore, revisionsAfter } from './shop.ts';

const OPEN_DATABASE = fileURLToPath(new URL('open-database.mjs', import.meta.url));
const MIGRATIONS = readMigrations(fileURLToPath(new URL('../../server/migrations/sqlite', import.meta.url)));
const SERVERS = 3;
/** Of those that are killed at any moment, and as many before one of their statements. */
const KILLS_AT_ANY_MOMENT = Number(process.env['DIMMER_TEST_MIGRATOR_KILLS'] ?? 2);
const STORE_MB = Number(process.env['DIMMER_TEST_STORE_MB'] ?? 4);
/** How long those who may not migrate wait at most. */
const WAIT_MS_MAX = 60_000;

interface StartedTogether {
  readonly serving: ServerProcess;
  /** Milliseconds until it served, and until the last of the others had ended. */
  readonly servedMs: number;
  readonly refusedMs: number;
}

let directory: string;
let servers: readonly ServerProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-migrator-'));
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.end('SIGKILL')));
  await rm(directory, { recursive: true });
});

describe('SQLite', () => {
  test('[U6] of three servers that start together on an empty file one migrates and serves', async () => {
    const path = join(directory, 'dimmer.db');
    await startTogether(path);
    expect(stepsTaken(path)).toBe(MIGRATIONS.length);
  }, 600_000);

  test('[U6] of three servers that start together on the file of an earlier version one migrates and serves', async () => {
    const path = await earlierDatabase();
    expect(stepsTaken(path)).toBeLessThan(MIGRATIONS.length);
    await startTogether(path);
    expect(stepsTaken(path)).toBe(MIGRATIONS.length);
    expect(flagsIn(path)).toHaveLength(6);
  }, 600_000);

  test('[U7] a migrator that is killed before any of its statements leaves what the next one finishes', async () => {
    const earlier = await earlierDatabase();
    const fresh = join(directory, 'fresh.db');
    openDatabase(fresh);
    const whole = join(directory, 'whole.db');
    await copyFile(earlier, whole);
    const statements = Number(openDatabase(whole).stdout);
    expect(statements).toBeGreaterThan(MIGRATIONS.length);
    for (let place = 1; place <= statements; place += 1) {
      const path = join(directory, `killed-${place}.db`);
      await copyFile(earlier, path);
      expect(openDatabase(path, place).signal, `before statement ${place}`).toBe('SIGKILL');
      await expect(openedHere(path), `after a kill before statement ${place}`).resolves.toBeUndefined();
      expect(tablesOf(path)).toEqual(tablesOf(whole));
      expect(flagsIn(path)).toHaveLength(6);
      expect(stepsTaken(path)).toBe(MIGRATIONS.length);
    }
    const halfway = join(directory, 'halfway.db');
    await copyFile(earlier, halfway);
    openDatabase(halfway, Math.ceil(statements / 2));
    await servesEarlierBuild(halfway);
    expect(tablesOf(whole).map(columnsOnly)).toEqual(tablesOf(fresh).map(columnsOnly));
  }, 600_000);

  test(
    `[U6, U7] migrators of a file of ${STORE_MB} MB that are killed at any moment leave what the next one finishes`,
    async () => {
      const path = await earlierDatabase();
      const megabytes = await fillFile(path, STORE_MB);
      const before = stepsTaken(path);
      const whole = join(directory, 'whole.db');
      await copyFile(path, whole);
      let statements = 0;
      const migratingMs = await timeOf(async () => {
        statements = Number(openDatabase(whole).stdout);
      });
      const openingMs = await timeOf(() => openedInProcess(whole));
      const checkingMs = await timeOf(async () => ask(whole, 'PRAGMA quick_check(1)'));
      forgetPagesOf(whole);
      const coldOpeningMs = await timeOf(() => openedInProcess(whole));
      const tables = tablesOf(whole);
      await rm(whole);

      const random = seededRandom(Date.now() % 2 ** 31);
      for (let kill = 0; kill < KILLS_AT_ANY_MOMENT; kill += 1) {
        await openedInProcess(path, random.between(0, migratingMs));
        openDatabase(path, random.between(1, statements));
        expect([before, MIGRATIONS.length]).toContain(stepsTaken(path));
      }
      const earlierMs = await timeOf(() => servesEarlierBuild(path));
      await servers[0]?.end('SIGTERM');
      const { serving, servedMs, refusedMs } = await startTogether(path);
      expect(refusedMs).toBeLessThan(WAIT_MS_MAX);
      expect(stepsTaken(path)).toBe(MIGRATIONS.length);
      expect(tablesOf(path)).toEqual(tables);
      await worksOnHistory(serving);
      if (process.env['DIMMER_TEST_PRINT'])
        console.info({
          megabytes,
          migratingMs,
          openingMs,
          coldOpeningMs,
          checkingMs,
          earlierMs,
          servedMs,
          refusedMs,
        });
    },
    400_000 + STORE_MB * 2_000,
  );
});

/** Starts servers of this build on one file at one moment: one serves, the others end and say who does. */
async function startTogether(path: string): Promise<StartedTogether> {
  servers = await Promise.all(Array.from({ length: SERVERS }, () => createServerProcess(path)));
  const startedAt = performance.now();
  const after = () => Math.round(performance.now() - startedAt);
  const started = await Promise.all(
    servers.map((server) =>
      server.start().then(
        () => ({ server, word: undefined, ms: after() }),
        (error: unknown) => ({ server, word: String(error), ms: after() }),
      ),
    ),
  );
  const refused = started.filter(({ word }) => word !== undefined);
  expect(refused).toHaveLength(SERVERS - 1);
  for (const { word } of refused) expect(word).toContain('is in use by');
  const [serving] = started.filter(({ word }) => word === undefined);
  if (serving === undefined) throw new Error('no server serves');
  const refusedMs = Math.max(...refused.map(({ ms }) => ms));
  return { serving: serving.server, servedMs: serving.ms, refusedMs };
}

/** A file that the oldest recorded server has made and filled. */
async function earlierDatabase(): Promise<string> {
  const path = join(directory, 'earlier.db');
  const server = await createServerProcess(path);
  await server.start(RECORDED[0]?.command);
  await openShop(server);
  // Everything is in the file itself, and none of it in the log beside it.
  expect(await server.end('SIGTERM')).toBe(0);
  return path;
}

/** Its predecessor is started again, and works. */
async function servesEarlierBuild(path: string): Promise<void> {
  const server = await createServerProcess(path);
  servers = [server];
  await server.start(RECORDED[0]?.command);
  expect(await kill(server, 'simple')).toBeGreaterThan(0);
}

/** What is read of a file next comes from the disk, where the system's `dd` can do that. */
function forgetPagesOf(path: string): void {
  spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0']);
}

/** Opens it as the next start does, without what it takes to start a process. */
async function openedHere(path: string): Promise<void> {
  const storage = await openSqliteStorage({ path, clock: systemClock });
  await storage.close();
}

/** Opens it in a process, which is killed after so many milliseconds unless it has ended. */
async function openedInProcess(path: string, killedAfterMs?: number): Promise<void> {
  const child = spawn(process.execPath, [OPEN_DATABASE, path], { stdio: ['ignore', 'ignore', 'inherit'] });
  const timer =
    killedAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killedAfterMs);
  await endOf(child);
  clearTimeout(timer);
}

/** A server reads from the middle of a long history, and writes on at its end. */
async function worksOnHistory(server: ServerProcess): Promise<void> {
  const last = await restore(server, 'simple');
  const middle = Math.floor(last / 2);
  expect(await revisionsAfter(server, middle)).toEqual(
    Array.from({ length: 10 }, (_, at) => middle + at + 1),
  );
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round(performance.now() - startedAt);
}

function openDatabase(path: string, killedBefore?: number): ReturnType<typeof spawnSync> {
  const place = killedBefore === undefined ? [] : [String(killedBefore)];
  return spawnSync(process.execPath, [OPEN_DATABASE, path, ...place], { encoding: 'utf8' });
}

function stepsTaken(path: string): number {
  return ask(path, 'SELECT count(*) FROM __drizzle_migrations')[0] as number;
}

function flagsIn(path: string): readonly unknown[] {
  return ask(path, 'SELECT key FROM flags');
}

function tablesOf(path: string): readonly string[] {
  return ask(path, 'SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name') as string[];
}

/** A table that was rebuilt is written down with other quotes. */
function columnsOnly(sql: string): string {
  return sql.replaceAll(/["`]/g, '');
}

function ask(path: string, sql: string): readonly unknown[] {
  const database = new SqliteConnection(path, { readonly: true });
  try {
    return database.prepare(sql).pluck().all();
  } finally {
    database.close();
  }
}
