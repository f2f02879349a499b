import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
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

test('[A3] keys are read once, and again after they were written', async () => {
  const [first, second] = [newKey(), newKey()];
  const stored = [first];
  let reads = 0;
  const directory = createKeyDirectory({
    keys: async () => {
      reads += 1;
      return [...stored];
    },
  });
  expect(await directory.find(first.hash)).toBe(first);
  stored.push(second);
  expect(await directory.find(second.hash)).toBeUndefined();
  directory.invalidate();
  expect(await directory.find(second.hash)).toBe(second);
  expect(reads).toBe(2);
});

test('[A3] a read that fails is not remembered', async () => {
  const key = newKey();
  let isDown = true;
  const directory = createKeyDirectory({
    keys: async () => {
      if (isDown) throw new Error('down');
      return [key];
    },
  });
  await expect(directory.find(key.hash)).rejects.toThrow('down');
  isDown = false;
  expect(await directory.find(key.hash)).toBe(key);
});

test('[A10] a read that began before a key was deleted does not bring it back', async () => {
  const key = newKey();
  const answers: ((keys: ApiKey[]) => void)[] = [];
  const directory = createKeyDirectory({ keys: () => new Promise((resolve) => answers.push(resolve)) });
  const early = directory.find(key.hash);
  directory.invalidate();
  const late = directory.find(key.hash);
  answers[1]?.([]);
  answers[0]?.([key]);
  expect(await early).toBe(key);
  expect(await late).toBeUndefined();
  expect(await directory.find(key.hash)).toBeUndefined();
});
