import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Snapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { JsonValue, WireObject } from '@dimmer/schema';
import { expect, test, vi } from 'vitest';
import type { DiskCache, DiskCacheOptions } from './disk-cache.ts';
import { diskCache } from './disk-cache.ts';
import { systemPlatform } from './platform.ts';
import { fixedFlag, snapshotDocument } from './stream-server.fixture.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const owner = { url: new URL('http://127.0.0.1:4400/'), key: `dim_srv_${'a'.repeat(32)}` };

const RUN_PROGRAM = fileURLToPath(new URL('../../test/contract/run-program.mjs', import.meta.url));
const WRITER = fileURLToPath(new URL('./cache-writer.fixture.ts', import.meta.url));

/** How many writers are killed; each takes about a second to start. */
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 4);

interface Rig {
  readonly cache: DiskCache;
  readonly directory: string;
  readonly warn: ReturnType<typeof vi.fn>;
  /** The only file in the directory. */
  readonly path: () => string;
}

function rig(overrides: Partial<DiskCacheOptions> = {}): Rig {
  const directory = overrides.directory ?? mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  const warn = vi.fn();
  const { clock, wallNow } = systemPlatform;
  const cache = diskCache({
    owner,
    directory,
    bytesMax: 1_000_000,
    delayMs: 5,
    clock,
    wallNow,
    warn,
    ...overrides,
  });
  return { cache, directory, warn, path: () => join(directory, readdirSync(directory)[0] ?? '') };
}

function snapshot(revision: number, ...objects: readonly WireObject[]): Snapshot<WireObject> {
  const made = snapshotOf(snapshotDocument(revision, objects));
  if (made === undefined) throw new Error('the document is not whole');
  return made;
}

async function saved(): Promise<Rig> {
  const made = rig();
  made.cache.save(snapshot(3, fixedFlag('a', 3, true)));
  await made.cache.flush();
  return made;
}

test('what was saved is loaded again, with its age', async () => {
  const { directory } = await saved();
  const loaded = rig({ directory, wallNow: () => Date.now() + 60_000 }).cache.load();
  expect(loaded).toMatchObject({ source: 'cache', complete: true, snapshot: { epoch: 'e1', revision: 3 } });
  expect(loaded?.snapshot.objects.get('flag/a')).toEqual(fixedFlag('a', 3, true));
  expect(loaded?.ageMs).toBeGreaterThanOrEqual(60_000);
});

test('no file is no problem', () => {
  const { cache, warn } = rig();
  expect(cache.load()).toBeNull();
  expect(warn).not.toHaveBeenCalled();
});

test('[N43] of several snapshots in a row the last is written, without being asked', async () => {
  const { cache, directory } = rig();
  for (let revision = 1; revision <= 20; revision += 1) cache.save(snapshot(revision));
  await vi.waitFor(() => expect(rig({ directory }).cache.load()?.snapshot.revision).toBe(20), PATIENTLY);
});

test('[N43] a snapshot that comes after a write is written too', async () => {
  const { cache, directory } = await saved();
  cache.save(snapshot(4));
  await cache.flush();
  expect(rig({ directory }).cache.load()?.snapshot.revision).toBe(4);
});

test('[N42] only the owner may read it, and it tells neither the key nor the server', async () => {
  const { path } = await saved();
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  const text = `${path()}${readFileSync(path(), 'utf8')}`;
  expect(text).not.toContain(owner.key);
  expect(text).not.toContain('4400');
});

test.each<[string, (path: string, text: string) => void]>([
  ['0 bytes', (path) => writeFileSync(path, '')],
  ['a truncated file', (path, text) => writeFileSync(path, text.slice(0, -1))],
  ['a flipped bit', (path, text) => writeFileSync(path, text.replace('"revision":3', '"revision":2'))],
  ['something else', (path) => writeFileSync(path, 'not\na cache')],
  ['a giant', (path) => writeFileSync(path, 'x'.repeat(1_000_001))],
])('[N41] %s is ignored with one warning', async (_what, damage) => {
  const { directory, path } = await saved();
  damage(path(), readFileSync(path(), 'utf8'));
  const { cache, warn } = rig({ directory });
  expect(cache.load()).toBeNull();
  expect(cache.load()).toBeNull();
  expect(warn).toHaveBeenCalledOnce();
});

test('[N41] any one damaged byte is found', async () => {
  const { directory, path } = await saved();
  const sound = readFileSync(path());
  for (let at = 0; at < sound.length; at += 1) {
    const damaged = Buffer.from(sound);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    // The line break is not sealed, and nothing hangs on it.
    if (sound[at] === 10) continue;
    writeFileSync(path(), damaged);
    expect(rig({ directory }).cache.load()).toBeNull();
  }
});

test('[N41] a directory in its place is ignored, also when it is to be replaced', async () => {
  const { directory, path } = await saved();
  const other = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  mkdirSync(join(other, path().slice(directory.length + 1), 'inside'), { recursive: true });
  const { cache, warn } = rig({ directory: other });
  expect(cache.load()).toBeNull();
  cache.save(snapshot(4));
  await cache.flush();
  expect(warn).toHaveBeenCalledOnce();
  expect(readdirSync(other)).toHaveLength(1);
});

test('[N41] a snapshot that cannot be written is a warning, and the next one is written', async () => {
  const { cache, warn } = rig();
  let deep: JsonValue = 0;
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  cache.save(snapshot(1, fixedFlag('a', 1, deep)));
  await cache.flush();
  expect(warn).toHaveBeenCalledOnce();
  cache.save(snapshot(2, fixedFlag('a', 2, true)));
  await cache.flush();
  expect(cache.load()?.snapshot.revision).toBe(2);
});

test('[N41] a directory that cannot be made is a warning', async () => {
  const { path } = await saved();
  const { cache, warn } = rig({ directory: join(path(), 'below-a-file') });
  cache.save(snapshot(4));
  await cache.flush();
  expect(warn).toHaveBeenCalledOnce();
});

test.skipIf(!existsSync('/proc/self'))(
  '[N41] a directory where none can be made holds nobody up',
  async () => {
    const { cache, warn } = rig({ directory: '/proc/dimmer/cache' });
    cache.save(snapshot(4));
    await cache.flush();
    expect(warn).toHaveBeenCalledOnce();
  },
);

test.skipIf(process.getuid?.() === 0)('[N41] a read-only directory is a warning', async () => {
  const { cache, directory, warn } = rig();
  chmodSync(directory, 0o500);
  cache.save(snapshot(4));
  await cache.flush();
  expect(warn).toHaveBeenCalledOnce();
});

test('[N41] the file of another key or server is not this one', async () => {
  const { directory, path } = await saved();
  const own = readFileSync(path());
  const others = [
    { ...owner, key: `dim_srv_${'b'.repeat(32)}` },
    { ...owner, url: new URL('http://127.0.0.1:4401/') },
  ];
  for (const other of others) {
    const made = rig({ directory, owner: other });
    expect(made.cache.load()).toBeNull();
    made.cache.save(snapshot(9));
    await made.cache.flush();
  }
  const names = readdirSync(directory);
  expect(names).toHaveLength(3);
  for (const name of names) writeFileSync(join(directory, name), own);
  for (const other of others) expect(rig({ directory, owner: other }).cache.load()).toBeNull();
});

test('[N44] a snapshot with an object that could not be read does not vouch for its cursor', async () => {
  const { cache, directory } = rig();
  cache.save(snapshot(3, { kind: 'hologram', key: 'h', version: 1, opaque: true }));
  await cache.flush();
  expect(rig({ directory }).cache.load()).toMatchObject({ complete: false });
});

test('[N40] what a killed writer left behind is cleared away', async () => {
  const { directory, path } = await saved();
  const abandoned = `${path()}.1.tmp`;
  writeFileSync(abandoned, 'half');
  utimesSync(abandoned, 0, 0);
  rig({ directory }).cache.load();
  expect(readdirSync(directory)).toHaveLength(1);
});

test('[N40] what is there is replaced as a whole, and never written over', async () => {
  const { cache, directory, path } = await saved();
  const sameFile = join(mkdtempSync(join(tmpdir(), 'dimmer-test-')), 'link');
  linkSync(path(), sameFile);
  const before = readFileSync(sameFile, 'utf8');
  cache.save(snapshot(4, fixedFlag('a', 4, true)));
  await cache.flush();
  expect(readFileSync(sameFile, 'utf8')).toBe(before);
  expect(rig({ directory }).cache.load()?.snapshot.revision).toBe(4);
});

test('[N40] kill -9 amid writing leaves a usable file or none', {
  timeout: 30_000 + 10_000 * KILLS,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  let loads = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await killWriter(directory, (kill * 3) % 100);
    const { cache, warn } = rig({ directory });
    if (cache.load() !== null) loads += 1;
    expect(warn).not.toHaveBeenCalled();
  }
  expect(loads).toBeGreaterThan(0);
});

/** Starts a process that writes without a pause, and kills it some time after its first write. */
async function killWriter(directory: string, delayMs: number): Promise<void> {
  const program = [RUN_PROGRAM, WRITER, directory, owner.url.href, owner.key];
  const writer = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  await sleep(delayMs);
  const exited = new Promise((resolve) => writer.once('exit', resolve));
  writer.kill('SIGKILL');
  await exited;
}
