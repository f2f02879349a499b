import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { StorageFault } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import { issueKey } from './issue-key.ts';
import { createKeyDirectory } from './key-directory.ts';

const grant = {
  kind: 'admin',
  name: 'test',
  role: 'admin',
  project: null,
  environment: null,
  expiresAt: null,
} as const;

const newKey = (): ApiKey => issueKey(grant, systemRandom, '2026-11-21T09:00:00Z').key;

/** Keys as another server leaves them in the database, and a clock. */
function setUp(...stored: ApiKey[]) {
  const world = { stored, isDown: false, reads: 0, now: 1_000_000 };
  const keys = async (): Promise<readonly ApiKey[]> => {
    world.reads += 1;
    if (world.isDown) throw new StorageFault('unavailable', 'down');
    return [...world.stored];
  };
  return { world, directory: createKeyDirectory({ storage: { keys }, clock: { now: () => world.now } }) };
}

test('[A3] keys are read once, and again after they were written', async () => {
  const [first, second] = [newKey(), newKey()];
  const { world, directory } = setUp(first);
  expect(await directory.find(first.hash)).toBe(first);
  expect(await directory.find(first.hash)).toBe(first);
  expect(world.reads).toBe(1);
  world.stored.push(second);
  directory.invalidate();
  expect(await directory.find(second.hash)).toBe(second);
  expect(world.reads).toBe(2);
});

test('[A3] a read that fails is not remembered', async () => {
  const key = newKey();
  const { world, directory } = setUp(key);
  world.isDown = true;
  await expect(directory.find(key.hash)).rejects.toThrow('down');
  world.isDown = false;
  expect(await directory.find(key.hash)).toBe(key);
});

test('[A10] a read that began before a key was deleted does not bring it back', async () => {
  const key = newKey();
  const answers: ((keys: ApiKey[]) => void)[] = [];
  const keys = (): Promise<readonly ApiKey[]> => new Promise((resolve) => answers.push(resolve));
  const directory = createKeyDirectory({ storage: { keys }, clock: { now: () => 0 } });
  const early = directory.find(key.hash);
  directory.invalidate();
  const late = directory.find(key.hash);
  answers[1]?.([]);
  answers[0]?.([key]);
  expect(await early).toBe(key);
  expect(await late).toBeUndefined();
  const later = directory.find(key.hash);
  answers[2]?.([]);
  expect(await later).toBeUndefined();
});

test('[M5] a key that another server made is found at its first use, and guesses cost ten reads and two a second', async () => {
  const [first, second] = [newKey(), newKey()];
  const { world, directory } = setUp(first);
  await directory.find(first.hash);
  world.stored.push(second);
  expect(await directory.find(second.hash)).toBe(second);
  expect(world.reads).toBe(2);
  for (let guess = 0; guess < 50; guess += 1) expect(await directory.find(newKey().hash)).toBeUndefined();
  expect(world.reads).toBe(11);
  world.now += 1_000;
  for (let guess = 0; guess < 50; guess += 1) expect(await directory.find(newKey().hash)).toBeUndefined();
  expect(world.reads).toBe(13);
});

test('[M5] a key that another server deleted is gone with the next look', async () => {
  const key = newKey();
  const { world, directory } = setUp(key);
  expect(await directory.find(key.hash)).toBe(key);
  world.stored.splice(0);
  await directory.refresh();
  expect(await directory.find(key.hash)).toBeUndefined();
});

test('[M6] without the database known keys stay known, and of an unknown one nobody says that it is wrong (SEC-3)', async () => {
  const key = newKey();
  const { world, directory } = setUp(key);
  await directory.find(key.hash);
  world.isDown = true;
  world.now += 60_000;
  await expect(directory.refresh()).rejects.toThrow('down');
  expect(await directory.find(key.hash)).toBe(key);
  await expect(directory.find(newKey().hash)).rejects.toThrow('down');
});

test('[M6] also where keys were written here just before the database went away, but for the one that was deleted', async () => {
  const [kept, deleted] = [newKey(), newKey()];
  const { world, directory } = setUp(kept, deleted);
  await directory.find(kept.hash);
  world.isDown = true;
  directory.invalidate(deleted.id);
  expect(await directory.find(kept.hash)).toBe(kept);
  expect([...(await directory.all())]).toEqual([kept]);
  await expect(directory.find(deleted.hash)).rejects.toThrow('down');
  world.isDown = false;
  world.stored.pop();
  expect(await directory.find(deleted.hash)).toBeUndefined();
});
