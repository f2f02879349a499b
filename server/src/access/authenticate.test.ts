import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import type { ApiKey } from './api-key.ts';
import { environmentsOpenedBy } from './authenticate.ts';
import { issueKey } from './issue-key.ts';

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
