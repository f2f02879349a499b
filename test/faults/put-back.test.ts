import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { digestOfAll, type Versioned } from '@dimmer/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { startOperator } from '../e2e/operator-process.ts';
import { impatientPlatform } from './sdk-client.ts';
import { seededRandom, seedOf } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, startWriter, type Writer } from './writer.ts';

const FLAG = 'written';
const WRITES_PER_SECOND = 50;
const PATIENTLY = { timeout: 40_000 };

let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-put-back-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('on SQLite', () => {
  const path = (): string => join(directory, 'dimmer.db');
  startsOverFromItsBackup({
    open: async () => path(),
    urlOf: () => `file:${path()}`,
    lose: async () => {
      for (const suffix of ['', '-wal', '-shm']) await rm(path() + suffix, { force: true });
    },
    remove: async () => {},
  });
});

describe.skipIf(postgresMissing !== undefined)(`on PostgreSQL${postgresMissing ?? ''}`, () => {
  let database: TestDatabase;
  startsOverFromItsBackup({
    open: async () => {
      database = await createTestDatabase();
      return database.url;
    },
    urlOf: () => database.url,
    lose: () => database.renew(),
    remove: () => database.drop(),
  });
});

interface Store {
  /** Makes a database, and says where, as servers are told. */
  readonly open: () => Promise<string>;
  /** The same, as commands are told. */
  readonly urlOf: () => string;
  /** Takes everything that is in it away. */
  readonly lose: () => Promise<void>;
  /** Takes it away. */
  readonly remove: () => Promise<void>;
}

function startsOverFromItsBackup({ open, urlOf, lose, remove }: Store): void {
  beforeAll(async () => {
    server = await createServerProcess(await open());
    await server.start();
    await createFlag(server, FLAG);
  });

  afterAll(async () => {
    await server.end('SIGTERM');
    await remove();
  });

  test('[H9] [MV20] [MV24] a backup made under writes is one revision; put back, SDKs that were ahead start over from it (DUR-6)', async () => {
    const random = seededRandom(seedOf(process.env['DIMMER_FAULT_SEED']));
    const flags = new Dimmer(
      { url: server.url, key: server.serverKey, cache: false },
      impatientPlatform(random),
    );
    await flags.ready({ timeoutMs: 40_000 });

    const writer = startWriter(server, FLAG, WRITES_PER_SECOND);
    await untilWritten(writer, 30);
    const backups = await mkdtemp(join(directory, 'backups-'));
    const made = await dimmer('backup', '--from', urlOf(), '--to', backups);
    expect(made.code, made.text).toBe(0);
    const [backup = 'none'] = await readdir(backups);
    await untilWritten(writer, writer.acknowledged.length + 30);
    await writer.stop();
    const history = await readHistory(server);
    const newest = history.at(-1)?.revision ?? 0;
    expect(await flags.waitForRevision(newest, { timeoutMs: 40_000 })).toBe(true);
    const { epoch } = flags.status();

    await server.end('SIGTERM');
    await lose();
    const put = await dimmer('restore-backup', '--from', join(backups, backup), '--to', urlOf());
    expect(put.code, put.text).toBe(0);
    await server.start();

    const restored = await readHistory(server);
    const last = restored.at(-1);
    expect(last?.revision).toBeLessThan(newest);
    expect(restored).toEqual(history.slice(0, restored.length));
    expect(writer.acknowledged).toContainEqual(last);
    // What the commands told is what is served.
    const digest = await digestOf(server);
    expect(standingIn(made.text)).toEqual([String(last?.revision), String(digest)]);
    expect(standingIn(put.text)).toEqual([String(last?.revision), String(digest)]);
    await expect
      .poll(() => flags.status(), PATIENTLY)
      .toMatchObject({ state: 'LIVE', revision: last?.revision });
    expect(flags.status().epoch).not.toBe(epoch);
    expect(served(flags)).toBe(last?.marker);

    const again = startWriter(server, FLAG, WRITES_PER_SECOND);
    await untilWritten(again, 5);
    await again.stop();
    await expect.poll(() => served(flags), PATIENTLY).toBe((await readHistory(server)).at(-1)?.marker);
    await flags.close();
  }, 180_000);
}

async function dimmer(...words: readonly string[]): Promise<{ code: number | null; text: string }> {
  const run = startOperator(words, {});
  return { code: await run.exit, text: run.out() + run.err() };
}

/** Revision and digest of default/production, as the commands print them. */
function standingIn(text: string): string[] {
  return /default\/production +(\d+) +(\d+)/.exec(text)?.slice(1) ?? [];
}

/** Of what the server serves now. */
async function digestOf({ url, serverKey }: ServerProcess): Promise<number> {
  const headers = { authorization: `Bearer ${serverKey}` };
  const answer = await fetch(`${url}/sdk/v1/snapshot`, { headers });
  const { objects } = (await answer.json()) as { readonly objects: readonly Versioned[] };
  return digestOfAll(objects);
}

function untilWritten(writer: Writer, writes: number): Promise<void> {
  return expect.poll(() => writer.acknowledged.length, PATIENTLY).toBeGreaterThanOrEqual(writes);
}

/** The rule that decides is the marker of the write that put it in. */
function served(flags: Dimmer): string | undefined {
  return flags.detail(FLAG, { targetingKey: 'user-1' }, false).ruleId;
}
