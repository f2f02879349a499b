import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { StorageFault } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import { issueKey } from './issue-key.ts';
import { endRevokedStreams } from './revocation.ts';

const NOW = Date.parse('2026-11-21T09:00:00Z');

function newKey(expiresInMs: number | null): ApiKey {
  const expiresAt = expiresInMs === null ? null : new Date(NOW + expiresInMs).toISOString();
  const place = { project: 'default', environment: 'production' };
  const grant = { kind: 'server', name: 'test', role: null, ...place, expiresAt } as const;
  return issueKey(grant, systemRandom, '2026-11-21T08:00:00Z').key;
}

test('[A17] the keys that keep their streams are those that are there and have not expired', async () => {
  const [endless, running, expired] = [newKey(null), newKey(1), newKey(0)];
  const deleted = newKey(null);
  const judged: boolean[] = [];
  await endRevokedStreams(
    { all: async () => [endless, running, expired], refresh: async () => {} },
    [{ revoke: (opens) => judged.push(...[endless, running, expired, deleted].map(({ id }) => opens(id))) }],
    NOW,
  );
  expect(judged).toEqual([true, true, false, false]);
});

test('[A17] no stream is ended while nobody can say which keys there are', async () => {
  const down = new StorageFault('unavailable', 'down');
  const revoked: unknown[] = [];
  const ending = endRevokedStreams(
    { all: () => Promise.reject(down), refresh: () => Promise.reject(down) },
    [{ revoke: (opens) => revoked.push(opens) }],
    NOW,
  );
  await expect(ending).rejects.toBe(down);
  expect(revoked).toEqual([]);
});

test('[M6] without the database a known key expires all the same, and whoever logs it hears of the fault', async () => {
  const [endless, expired] = [newKey(null), newKey(0)];
  const down = new StorageFault('unavailable', 'down');
  const judged: boolean[] = [];
  const ending = endRevokedStreams(
    { all: async () => [endless, expired], refresh: () => Promise.reject(down) },
    [{ revoke: (opens) => judged.push(opens(endless.id), opens(expired.id)) }],
    NOW,
  );
  await expect(ending).rejects.toBe(down);
  expect(judged).toEqual([true, false]);
});
