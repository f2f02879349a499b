import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitDraft, projectDraft } from '../../../../test/contract/draft-builder.ts';
import { observe } from '../../../../test/contract/storage-observation.ts';
import { ManualClock, projectOf, requestOf, write } from '../../../../test/contract/storage-subject.ts';
import { mountSmallDisk, type SmallDisk } from '../../../../test/faults/small-disk.ts';
import type { ProjectState } from '../../environments/environment.ts';
import type { Damage } from '../rows/damage.ts';
import type { HistoryPolicy, Storage } from '../storage.ts';
import { openDatabase } from './database.ts';
import { openSqliteStorage } from './open-sqlite-storage.ts';
import { SqliteStorage } from './sqlite-storage.ts';

const SHOP = 'shop';
const PRODUCTION = { project: SHOP, environment: 'production' };
const DEFAULT_PAGES_MAX = 4_294_967_294;

let folder: string;
let path: string;
let opened: Storage[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dimmer-sqlite-'));
  path = join(folder, 'dimmer.db');
  opened = [];
});

afterEach(async () => {
  for (const storage of opened) await storage.close();
  rmSync(folder, { recursive: true });
});

describe('what reaches the disk', () => {
  it.each(['a new', 'an existing'])(
    '[S30] %s file still runs with synchronous = FULL after a write',
    async (which) => {
      if (which === 'an existing') await (await open()).close();
      const { storage, client } = openWithClient();
      await fill(storage);
      expect(client.pragma('synchronous', { simple: true })).toBe(2);
      expect(client.pragma('journal_mode', { simple: true })).toBe('wal');
      expect(client.pragma('foreign_keys', { simple: true })).toBe(1);
    },
  );

  it('[S3] what a kill between any two statements leaves on the disk is all or nothing', async () => {
    const copies: string[] = [];
    const copy = () => {
      const target = join(folder, `copy-${copies.length}`);
      mkdirSync(target);
      for (const suffix of ['', '-wal']) copyFileSync(path + suffix, join(target, `dimmer.db${suffix}`));
      copies.push(join(target, 'dimmer.db'));
    };
    let copying = false;
    const storage = await open({ onStatement: () => copying && copy() });
    await fill(storage);
    const before = await observe(storage);
    copying = true;
    await setFlags(storage, ['a', 'b'], true);
    copying = false;
    expect(copies.length).toBeGreaterThan(8);
    for (const path of copies) expect(await observe(await open({ path }))).toEqual(before);
  });

  it('[S36] closing leaves one file that is the whole database', async () => {
    const storage = await open();
    await fill(storage);
    await storage.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it('[S36] the write-ahead log stays small however much is written', async () => {
    const storage = await open();
    await fill(storage);
    for (let index = 0; index < 300; index += 1) await setFlags(storage, manyFlags(20), index % 2 === 0);
    expect(statSync(path).size).toBeGreaterThan(6 * 2 ** 20);
    expect(statSync(`${path}-wal`).size).toBeLessThan(6 * 2 ** 20);
  });

  it('[S36] a commit of one small object adds nine pages to the log at most (DUR-7)', async () => {
    const { storage, client } = openWithClient();
    await fill(storage);
    const commits = 500;
    await commitOften(storage, commits);
    client.pragma('wal_checkpoint(TRUNCATE)');
    client.pragma('wal_autocheckpoint = 0');
    await commitOften(storage, commits);
    const pages = statSync(`${path}-wal`).size / Number(client.pragma('page_size', { simple: true }));
    expect(pages / commits).toBeLessThan(9);
  });

  it('[S36] the log is copied while it is short, so that it is short when a reader comes', async () => {
    const storage = await open({ checkpointIntervalMs: 60_000 });
    await fill(storage);
    await commitOften(storage, 200);
    expect(statSync(`${path}-wal`).size).toBeLessThan(1.25 * 2 ** 20);
  });

  it('[S36] beside a reader that stays the log grows; once it is gone the log grows no more, and is cut (DUR-7)', async () => {
    const { storage, client } = openWithClient();
    client.pragma(`journal_size_limit = ${2 ** 20}`);
    await fill(storage);
    const size = () => statSync(`${path}-wal`).size;
    const writeMuch = async () => {
      for (let index = 0; index < 60; index += 1) await setFlags(storage, manyFlags(20), index % 2 === 0);
    };
    const reader = new SqliteConnection(path, { readonly: true });
    reader.exec('begin');
    reader.prepare('select count(*) from audit').get();
    await writeMuch();
    await writeMuch();
    await writeMuch();
    expect(size()).toBeGreaterThan(6 * 2 ** 20);
    reader.close();
    await writeMuch();
    expect(size()).toBeLessThan(6 * 2 ** 20);
  });

  it('[S7] a statement that fails leaves memory and rows equal', async () => {
    const failing = { now: false };
    const storage = await open({
      onStatement: (sql) => {
        if (failing.now && sql.startsWith('insert into "audit"')) throw new Error('failpoint');
      },
    });
    await fill(storage);
    failing.now = true;
    await expect(setFlags(storage, ['a'], true)).rejects.toThrow('failpoint');
    failing.now = false;
    const state = await storage.read(SHOP);
    await storage.close();
    expect(await (await open()).read(SHOP)).toEqual(state);
  });
});

describe('a full disk', () => {
  it('[S33] writes fail with a fault that says so, reads go on, and writes resume when there is space', async () => {
    const { storage, client } = openWithClient();
    await fill(storage);
    client.pragma(`max_page_count = ${Number(client.pragma('page_count', { simple: true })) + 4}`);
    const before = await observe(storage);
    await expect(setFlags(storage, manyFlags(100), true)).rejects.toMatchObject({
      name: 'StorageFault',
      fault: 'full',
      message: expect.stringContaining('Free space'),
    });
    expect(await observe(storage)).toEqual(before);
    client.pragma(`max_page_count = ${DEFAULT_PAGES_MAX}`);
    await setFlags(storage, manyFlags(100), true);
    expect((await storage.read(SHOP))?.environments.get('production')?.revision).toBe(2);
    expect(client.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('[S33] a file system that fills up does no harm either', async ({ skip }) => {
    const disk = mountSmallDisk(folder, 8);
    if (disk === undefined) return skip('mounting a file system is not permitted here');
    try {
      const storage = await open();
      await fill(storage);
      const fault = await fillUp(storage, disk);
      expect(fault).toMatchObject({ name: 'StorageFault', fault: 'full' });
      const before = await observe(storage);
      await expect(setFlags(storage, manyFlags(100), true)).rejects.toMatchObject({ fault: 'full' });
      expect(await observe(storage)).toEqual(before);
      disk.makeSpace();
      await setFlags(storage, manyFlags(100), true);
      await storage.close();
      expect((await observe(await open())).audit.length).toBe(before.audit.length + 1);
    } finally {
      for (const storage of opened.splice(0)) await storage.close();
      disk.unmount();
    }
  });
});

describe('a damaged file', () => {
  it('[S34] a file that is no database is refused, and the message says how to restore', async () => {
    await corrupt((bytes) => bytes.fill(0x5a, 0, 100));
    await expect(open()).rejects.toMatchObject({
      name: 'StorageFault',
      fault: 'damaged',
      message: expect.stringMatching(/dimmer\.db is damaged .*put a backup in their place/),
    });
  });

  it('[S34] damaged pages are found when the file is opened', async () => {
    await corrupt((bytes) => bytes.fill(0xff, 4096 * 3, 4096 * 8));
    await expect(open()).rejects.toMatchObject({ name: 'StorageFault', fault: 'damaged' });
  });

  it('[S34] a refused file is free for the next attempt', async () => {
    const sound = join(folder, 'sound.db');
    await corrupt((bytes) => bytes.fill(0x5a, 0, 100), sound);
    await expect(open()).rejects.toMatchObject({ fault: 'damaged' });
    copyFileSync(sound, path);
    await expect((await open()).ping()).resolves.toBeUndefined();
  });
});

describe('a damaged row', () => {
  const damagedRows = [
    ['flags', `update flags set document = 'nonsense' where key = 'a'`, 'flag', 'shop/a'],
    [
      'flags',
      `update flags set document = '{"key":"a","variations":null}' where key = 'a'`,
      'flag',
      'shop/a',
    ],
    [
      'flags',
      `update flags set document = json_set(document, '$.kind', 'future') where key = 'a'`,
      'flag',
      'shop/a',
    ],
    [
      'configurations',
      `update configurations set document = '' where flag = 'a'`,
      'configuration',
      'shop/production/a',
    ],
    ['segments', `update segments set document = '[]' where key = 'beta'`, 'segment', 'shop/production/beta'],
  ];

  it.each(damagedRows)(
    '[S35] in %s (%s) is reported, and its last good version is used',
    async (_, sql, kind, name) => {
      const sound = await damage(sql);
      const damages: Damage[] = [];
      const storage = await open({ onDamage: (one) => damages.push(one) });
      expect(await storage.read(SHOP)).toEqual(sound);
      expect(damages).toMatchObject([{ kind, name }]);
    },
  );

  it.each(damagedRows)(
    '[S35] in %s (%s) is left out where history does not reach back, and all others load',
    async (_, sql, kind) => {
      await damage(sql, { revisions: 0, days: 0 });
      const state = await (await open()).read(SHOP);
      const production = state?.environments.get('production');
      const loaded = {
        flags: [...(state?.flags.keys() ?? [])],
        configurations: [...(production?.flags.keys() ?? [])],
        segments: [...(production?.segments.keys() ?? [])],
      };
      expect(loaded).toEqual({
        flags: kind === 'flag' ? ['b'] : ['a', 'b'],
        configurations: kind === 'configuration' ? ['b'] : ['a', 'b'],
        segments: kind === 'segment' ? ['internal'] : ['beta', 'internal'],
      });
    },
  );

  it('[S35] a damaged definition comes back opaque at its version, beside the sound ones', async () => {
    await damage(`update definitions set document = '{"kind"' where key = 'a'`);
    const damages: Damage[] = [];
    const snapshot = await (await open({ onDamage: (one) => damages.push(one) })).snapshot(PRODUCTION);
    expect(snapshot?.objects).toHaveLength(4);
    expect(snapshot?.objects).toContainEqual({
      kind: 'flag',
      key: 'a',
      version: 1,
      damage: 'it is not JSON',
      opaque: true,
    });
    expect(damages).toMatchObject([{ kind: 'definition', name: 'shop/production/a (flag)' }]);
  });

  it('[S35] a damaged change is still a change, and its object is no difference that a revert would apply', async () => {
    await damage(`update changed_objects set before = 'x', after = 'y' where key = 'a'`);
    const damages: Damage[] = [];
    const storage = await open({ onDamage: (one) => damages.push(one) });
    const [change] = await storage.changesAfter(PRODUCTION, 0, 10);
    expect(change?.objects).toHaveLength(4);
    expect(damages).toHaveLength(2);
    const differences = await storage.differencesAt(PRODUCTION, 0);
    expect(differences?.map(({ key }) => key)).toEqual(['b', 'beta', 'internal']);
  });

  it('[S35] a damaged flag can be written anew', async () => {
    await damage(`update flags set document = 'nonsense' where key = 'a'`);
    const storage = await open();
    await setFlags(storage, ['a'], true);
    const state = await storage.read(SHOP);
    await storage.close();
    expect(state?.flags.has('a')).toBe(true);
    expect(await (await open()).read(SHOP)).toEqual(state);
  });
});

describe('background work', () => {
  it('[S19] a long history is pruned in steps, and writes get in between', async () => {
    const storage = await open();
    await fill(storage);
    for (let index = 0; index < 1_100; index += 1) await setFlags(storage, ['a'], index % 2 === 0);
    const pruning = storage.prune({ revisions: 3, days: 0 });
    await setFlags(storage, ['b'], true);
    expect((await storage.snapshot(PRODUCTION))?.historyFloor).toBeLessThan(1_000);
    await pruning;
    expect(await storage.snapshot(PRODUCTION)).toMatchObject({ revision: 1_102, historyFloor: 1_099 });
    expect((await storage.history(PRODUCTION, { limit: 10 })).map((change) => change.revision)).toEqual([
      1_102, 1_101, 1_100,
    ]);
  });

  it('[S36] a checkpoint copies the log into the file while the storage is idle', async () => {
    const storage = await open({ checkpointIntervalMs: 5 });
    const empty = statSync(path).size;
    await fill(storage);
    await setFlags(storage, manyFlags(50), true);
    await expect.poll(() => statSync(path).size).toBeGreaterThan(empty);
  });

  it('[S37] a path that cannot be opened is a fault that names it', async () => {
    const path = join(folder, 'a-folder');
    mkdirSync(path);
    await expect(open({ path })).rejects.toMatchObject({
      name: 'StorageFault',
      fault: 'unavailable',
      message: expect.stringContaining(path),
    });
  });
});

interface OpenOptions {
  readonly path?: string;
  readonly checkpointIntervalMs?: number;
  readonly onDamage?: (damage: Damage) => void;
  readonly onStatement?: (sql: string) => void;
}

async function open(options: OpenOptions = {}): Promise<Storage> {
  const storage = await openSqliteStorage({ path, clock: new ManualClock(), ...options });
  opened.push(storage);
  return storage;
}

/** The storage with its connection in the test's hands. */
function openWithClient() {
  const clock = new ManualClock();
  const database = openDatabase(path, { pid: process.pid, host: 'test', startedAt: clock.now() });
  const storage = new SqliteStorage({
    path,
    database,
    clock,
    lock: { release: () => {} },
    checkpointIntervalMs: 60_000,
    onDamage: ({ problem }) => expect.unreachable(problem),
    onBackgroundError: (error) => expect.unreachable(String(error)),
  });
  opened.push(storage);
  return { storage, client: database.$client };
}

/** Two flags and two segments at revision 1 of production. */
async function fill(storage: Storage): Promise<void> {
  await write(storage, null, () => projectDraft(SHOP, ['production', 'staging']));
  await write(storage, SHOP, (world) =>
    commitDraft(
      projectOf(world),
      ['production'],
      [
        { type: 'flag', key: 'a' },
        { type: 'flag', key: 'b' },
        { type: 'segment', key: 'beta' },
        { type: 'segment', key: 'internal' },
      ],
    ),
  );
}

async function setFlags(storage: Storage, keys: readonly string[], enabled: boolean): Promise<void> {
  const steps = keys.map((key) => ({ type: 'flag' as const, key, enabled }));
  const request = requestOf(SHOP, (world) => commitDraft(projectOf(world), ['production'], steps));
  await storage.transact(request);
}

/** One segment each, and nothing else. */
async function commitOften(storage: Storage, commits: number): Promise<void> {
  for (let index = 0; index < commits; index += 1) {
    const step = { type: 'segment' as const, key: 'beta', included: [`user-${index}`] };
    await write(storage, SHOP, (world) => commitDraft(projectOf(world), ['production'], [step]));
  }
}

function manyFlags(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `flag-${index}`);
}

/** Leaves about 1 MB, and commits until that is used up. */
async function fillUp(storage: Storage, disk: SmallDisk): Promise<unknown> {
  disk.fill(2 ** 20);
  for (let index = 0; index < 1_000; index += 1) {
    try {
      await setFlags(storage, manyFlags(20), index % 2 === 0);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

/** @returns The project as it was before a statement damaged one of its rows. */
async function damage(sql: string, policy?: HistoryPolicy): Promise<ProjectState | undefined> {
  const storage = await open();
  await fill(storage);
  if (policy !== undefined) await storage.prune(policy);
  const state = await storage.read(SHOP);
  await storage.close();
  const client = new SqliteConnection(path);
  const { changes } = client.prepare(sql).run();
  client.close();
  expect(changes).toBe(1);
  return state;
}

async function corrupt(change: (bytes: Buffer) => void, keepAt?: string): Promise<void> {
  const storage = await open();
  await fill(storage);
  await storage.close();
  if (keepAt !== undefined) copyFileSync(path, keepAt);
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}
