import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Snapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { systemRandom } from '../platform/random.ts';
import { decodePassed } from './passed-object.ts';
import type { RelayCache } from './relay-cache.ts';
import { createRelayCache } from './relay-cache.ts';

const KEY = `dim_srv_${'r'.repeat(32)}`;
const KEYS = { project: 'shop', environment: 'production', secureMode: true, keys: [] };

let folder: string;
let time: ManualSchedule;
const warnings: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-relay-cache-'));
  time = new ManualSchedule();
  warnings.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function cacheIn(path: string, key = KEY): RelayCache {
  const log = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) });
  const upstream = { url: new URL('http://upstream.example/'), key };
  return createRelayCache({
    folder: path,
    upstream,
    clock: time,
    random: systemRandom,
    schedule: time,
    log,
  });
}

const newer = decodePassed({ kind: 'holdout', key: 'h', version: 2, of: 'a later build' });

function snapshot(): Snapshot<WireObject> {
  const all = [flagObject('a', 1), ...(newer === undefined ? [] : [newer])];
  const objects = new Map(all.map((object) => [`${object.kind}/${object.key}`, object]));
  return {
    epoch: 'e',
    revision: 3,
    committedAt: '2026-11-21T09:00:00.000Z',
    digest: digestOfAll(all),
    objects,
  };
}

async function saved(): Promise<void> {
  const cache = cacheIn(folder);
  cache.saveSnapshot(snapshot());
  cache.saveKeys(KEYS);
  await cache.flush();
}

test('[RL8] what was saved is there in the next run, as old as it is, and whole', async () => {
  await saved();
  time.pass(5_000);
  const { stored, keys } = await cacheIn(folder).load();
  expect(stored).toMatchObject({ source: 'cache', ageMs: 5_000, complete: true });
  expect(keys).toEqual(KEYS);
  expect(JSON.stringify([...(stored?.snapshot.objects.values() ?? [])])).toBe(
    JSON.stringify([...snapshot().objects.values()]),
  );
});

test('[RL8] of several changes in a second the last is written', async () => {
  const cache = cacheIn(folder);
  for (const revision of [1, 2, 3]) cache.saveSnapshot({ ...snapshot(), revision });
  expect(await readdir(folder)).toEqual([]);
  time.pass(1_000);
  await cache.flush();
  expect((await cacheIn(folder).load()).stored?.snapshot.revision).toBe(3);
});

test('[RL8] the files are for the user alone, and hold no key', async () => {
  await saved();
  const files = await readdir(folder);
  expect(files).toHaveLength(2);
  for (const file of files) {
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, file), 'utf8')).not.toContain(KEY);
  }
});

test('[RL8] a file of another key, and one that is damaged anywhere, is not used', async () => {
  await saved();
  expect(await cacheIn(folder, `dim_srv_${'x'.repeat(32)}`).load()).toEqual({
    stored: null,
    keys: undefined,
  });
  const files = (await readdir(folder)).map((file) => join(folder, file));
  const whole = await Promise.all(files.map((file) => readFile(file)));
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.boolean(), async (at, cuts) => {
      for (const [index, file] of files.entries()) {
        const bytes = Buffer.from(whole[index] ?? '');
        const place = Math.floor(at * bytes.length);
        if (!cuts) bytes.writeUInt8((bytes[place] ?? 0) ^ 1, place);
        await writeFile(file, cuts ? bytes.subarray(0, place) : bytes);
      }
      expect(await cacheIn(folder).load()).toEqual({ stored: null, keys: undefined });
    }),
    { numRuns: 40 },
  );
  expect(warnings.length).toBeGreaterThan(0);
});

test('[RL8] a folder that cannot be written costs one warning, and nothing else', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const cache = cacheIn(join(file, 'folder'));
  for (const revision of [1, 2]) {
    cache.saveSnapshot({ ...snapshot(), revision });
    await cache.flush();
  }
  expect(warnings).toHaveLength(1);
  expect(await cache.load()).toEqual({ stored: null, keys: undefined });
});

test('[RL8] what a killed writer left is cleared away', async () => {
  await saved();
  const [file = ''] = await readdir(folder);
  await writeFile(join(folder, `${file}.0011.tmp`), 'half');
  await cacheIn(folder).load();
  expect(await readdir(folder)).toHaveLength(3);
  const { mtimeMs } = await stat(join(folder, `${file}.0011.tmp`));
  time.pass(mtimeMs - time.now() + 60_001);
  await cacheIn(folder).load();
  expect(await readdir(folder)).toHaveLength(2);
});
