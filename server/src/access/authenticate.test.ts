import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { StorageFault } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import { authenticate, environmentsOpenedBy } from './authenticate.ts';
import { issueKey } from './issue-key.ts';
import { singleKey } from './key-directory.ts';

const NOW = Date.parse('2026-11-21T09:00:00Z');

function keyOf(kind: 'server' | 'client', environment: string, expiresAt: string | null = null): ApiKey {
  const grant = { kind, name: 'test', role: null, project: 'shop', environment, expiresAt } as const;
  return issueKey(grant, systemRandom, '2026-11-20T09:00:00Z').key;
}

test('[M32] environments are opened by server and client keys that have not expired, and by no admin key', () => {
  const admin = { kind: 'admin', name: 'test', role: 'admin', environment: null, expiresAt: null } as const;
  const keys = [
    keyOf('server', 'production'),
    keyOf('client', 'staging', '2026-11-21T09:00:01Z'),
    keyOf('server', 'preview', '2026-11-21T09:00:00Z'),
    issueKey({ ...admin, project: 'shop' }, systemRandom, '2026-11-20T09:00:00Z').key,
    issueKey({ ...admin, project: null }, systemRandom, '2026-11-20T09:00:00Z').key,
  ];
  expect(environmentsOpenedBy(keys, NOW)).toEqual([
    { project: 'shop', environment: 'production' },
    { project: 'shop', environment: 'staging' },
  ]);
});

test('[A3] in an outage a key that was not known before is told apart: it may have a slip', async () => {
  const cause = new StorageFault('unavailable', 'nobody there');
  const directory = { ...singleKey(keyOf('server', 'production')), find: () => Promise.reject(cause) };
  const asked = authenticate(`Bearer dim_adm_${'b'.repeat(38)}`, ['admin'], directory, NOW);
  await expect(asked).rejects.toMatchObject({
    fault: 'unavailable',
    told: expect.stringContaining('none of those that were known before the outage'),
    cause,
  });
});

test('[A3] a fault that is no outage stays what it is', async () => {
  const cause = new StorageFault('damaged', 'row 7');
  const directory = { ...singleKey(keyOf('server', 'production')), find: () => Promise.reject(cause) };
  await expect(authenticate(`Bearer dim_adm_${'b'.repeat(38)}`, ['admin'], directory, NOW)).rejects.toBe(
    cause,
  );
});
