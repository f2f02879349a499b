import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteConnection from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { RECORDED } from './builds.ts';
import { readMigrations } from './migrations/migration-file.ts';
import { kill, openShop } from './shop.ts';

const OPEN_DATABASE = fileURLToPath(new URL('open-database.mjs', import.meta.url));
const MIGRATIONS = readMigrations(fileURLToPath(new URL('../../server/migrations/sqlite', import.meta.url)));
const SERVERS = 3;

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
  }, 120_000);

  test('[U6] of three servers that start together on the file of an earlier version one migrates and serves', async () => {
    const path = await earlierDatabase();
    expect(stepsTaken(path)).toBeLessThan(MIGRATIONS.length);
    await startTogether(path);
    expect(stepsTaken(path)).toBe(MIGRATIONS.length);
    expect(flagsIn(path)).toHaveLength(6);
  }, 120_000);

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
      expect(openDatabase(path).stderr, `after a kill before statement ${place}`).toBe('');
      expect(tablesOf(path)).toEqual(tablesOf(whole));
      expect(flagsIn(path)).toHaveLength(6);
      expect(stepsTaken(path)).toBe(MIGRATIONS.length);
    }
    const halfway = join(directory, 'halfway.db');
    await copyFile(earlier, halfway);
    openDatabase(halfway, Math.ceil(statements / 2));
    await servesEarlierBuild(halfway);
    expect(tablesOf(whole).map(columnsOnly)).toEqual(tablesOf(fresh).map(columnsOnly));
  }, 240_000);
});

/** Starts servers of this build on one file at one moment: one serves, the others end and say who does. */
async function startTogether(path: string): Promise<void> {
  servers = await Promise.all(Array.from({ length: SERVERS }, () => createServerProcess(path)));
  const started = await Promise.allSettled(servers.map((server) => server.start()));
  const refused = started.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  expect(refused).toHaveLength(SERVERS - 1);
  for (const word of refused) expect(word).toContain('is in use by');
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
