import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPostgresCluster } from '../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const FLAG = '/flags/checkout-v2';
const user = { targetingKey: 'user-1' };

const cluster = await createPostgresCluster(['max_connections = 10']);
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');

describe.skipIf(cluster === undefined)('two servers on one PostgreSQL (needs its programs)', () => {
  let one: ServerProcess;
  let other: ServerProcess;
  let flags: Dimmer;

  beforeAll(async () => {
    await cluster?.start();
    const settings = { DIMMER_DATABASE_CONNECTIONS_MAX: '4' };
    one = await createServerProcess(cluster?.url() ?? '', settings);
    other = await createServerProcess(cluster?.url() ?? '', settings);
    // Together, on a database without a table: both want to migrate, and to make the first project and keys.
    await Promise.all([one.start(), other.start()]);
    await write(one, 'POST', '/flags', { key: 'checkout-v2' });
    await write(one, 'PATCH', `/environments/production${FLAG}`, {
      enabled: true,
      fallthrough: { variation: 'on' },
    });
    flags = new Dimmer({ url: other.url, key: other.serverKey, cache: false });
    await flags.ready({ timeoutMs: 40_000 });
  }, 180_000);

  afterAll(async () => {
    await flags.close();
    await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')]);
    await cluster?.remove();
  });

  test('[PG11] a kill through one server reaches an SDK at the other', async () => {
    // The flag went on through the one: the other may have served its SDK before it heard of that.
    await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, false)).toBe(true), WAIT);
    const killed = await write(one, 'POST', `/environments/production${FLAG}/kill`, {
      reason: 'payments fail',
    });
    expect(killed.status).toBe(200);
    await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, false)).toBe(false), WAIT);
    const restored = await write(other, 'POST', `/environments/production${FLAG}/restore`, {});
    expect(restored.status).toBe(200);
    await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, false)).toBe(true), WAIT);
  }, 240_000);

  test('[PG8] two servers and their readers fit into ten connections', async () => {
    const reads = Array.from({ length: 60 }, (_, index) => read(index % 2 === 0 ? one : other, FLAG));
    for (const { status } of await Promise.all(reads)) expect(status).toBe(200);
    expect((await write(one, 'PATCH', FLAG, { description: 'within ten' })).status).toBe(200);
  }, 240_000);

  test('[PG9] a crash of PostgreSQL is an event: writes are told when to come again, everything else goes on', async () => {
    await cluster?.stop('immediate');
    for (const server of [one, other]) {
      await vi.waitFor(async () => {
        const refused = await write(server, 'PATCH', FLAG, { description: 'refused' });
        expect(refused.status).toBe(503);
        expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
      }, WAIT);
      expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
      const snapshot = await fetch(`${server.url}/sdk/v1/snapshot`, bearer(server.serverKey));
      expect([snapshot.status, await snapshot.text()]).toEqual([200, expect.anything()]);
    }
    expect(flags.boolean('checkout-v2', user, false)).toBe(true);
    await cluster?.start();
    for (const server of [one, other]) {
      await vi.waitFor(async () => {
        expect((await write(server, 'PATCH', FLAG, { description: `by ${server.port}` })).status).toBe(200);
      }, WAIT);
    }
    await write(one, 'POST', `/environments/production${FLAG}/kill`, { reason: 'after the crash' });
    await vi.waitFor(() => expect(flags.boolean('checkout-v2', user, false)).toBe(false), WAIT);
    for (const server of [one, other]) expect(server.output()).not.toMatch(/unhandled|uncaught/i);
  }, 180_000);
});

function write(server: ServerProcess, method: string, path: string, body: object): Promise<Response> {
  return fetch(`${server.url}/api/v1/projects/default${path}`, {
    method,
    headers: { ...bearer(server.adminKey).headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function read(server: ServerProcess, path: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/projects/default${path}`, bearer(server.adminKey));
}

function bearer(key: string) {
  return { headers: { authorization: `Bearer ${key}` } };
}
