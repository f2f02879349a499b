import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPostgresCluster } from '../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';

const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;
const FLAG = `${ENVIRONMENT}/flags/checkout-v2`;
const user = { targetingKey: 'user-1' };
const WITHIN_MS = 60_000;

const cluster = await createPostgresCluster();

describe.skipIf(cluster === undefined)('a server that is killed while its database is away', () => {
  let folder: string;
  let server: ServerProcess;
  const followers: Follower[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dimmer-held-'));
    await cluster?.start();
    server = await createServerProcess(cluster?.url() ?? '', { DIMMER_HELD_KILLS_DIR: folder });
    await server.start();
    await ask('POST', `${PROJECT}/flags`, { key: 'checkout-v2' });
    await ask('PATCH', FLAG, { enabled: true, fallthrough: { variation: 'on' } });
  }, 2 * WITHIN_MS);

  afterAll(async () => {
    for (const { close } of followers) await close();
    await server.end('SIGTERM');
    await cluster?.remove();
    await rm(folder, { recursive: true });
  }, WITHIN_MS);

  interface Follower {
    readonly flags: Dimmer;
    /** Everything that it served of the flag, asked each millisecond, without repetitions. */
    readonly served: readonly boolean[];
    readonly close: () => Promise<void>;
  }

  /** @param before - What it serves while it has no flags. */
  function follower(before: boolean): Follower {
    const flags = new Dimmer({ url: server.url, key: server.serverKey, cache: false });
    const served: boolean[] = [];
    const sampling = setInterval(() => {
      const value = flags.boolean('checkout-v2', user, before);
      if (served.at(-1) !== value) served.push(value);
    }, 1);
    const close = (): Promise<void> => {
      clearInterval(sampling);
      return flags.close();
    };
    followers.push({ flags, served, close });
    return { flags, served, close };
  }

  // biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form.
  async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  test(
    '[BG21, BG11, BG10, M30] its kill is held again before anybody is served, and committed once',
    async () => {
      const there = follower(true);
      await there.flags.ready({ timeoutMs: 40_000 });
      await vi.waitFor(() => expect(there.served).toEqual([true]), WITHIN_MS);
      const { revision } = (await ask('GET', FLAG)).body;
      await cluster?.stop('immediate');
      const held = await ask('POST', `${FLAG}/kill`, { reason: 'payments fail', breakGlass: true });
      expect(held).toMatchObject({ status: 202, body: { held: true, kept: true } });
      await vi.waitFor(() => expect(there.served).toEqual([true, false]), WITHIN_MS);

      await server.end('SIGKILL');
      const started = server.start();
      // It waits for its database: it lives, and serves nothing.
      await vi.waitFor(async () => expect((await ask('GET', '/livez')).status).toBe(200), WITHIN_MS);
      expect((await ask('GET', '/readyz')).status).toBe(503);
      const fresh = follower(false);
      await cluster?.start();
      await started;
      await fresh.flags.ready({ timeoutMs: 40_000 });

      await vi.waitFor(async () => {
        expect((await ask('GET', `${ENVIRONMENT}/held-kills`)).body.items).toEqual([]);
      }, WITHIN_MS);
      const after = await ask('GET', FLAG);
      expect(after.body).toMatchObject({ kill: { reason: 'payments fail' }, revision: revision + 1 });
      for (const { flags } of [there, fresh]) {
        await vi.waitFor(
          () => expect(flags.status()).toMatchObject({ state: 'LIVE', revision: revision + 1 }),
          {
            timeout: WITHIN_MS,
          },
        );
      }
      const late = follower(false);
      await late.flags.ready({ timeoutMs: 40_000 });
      const { body: history } = await ask('GET', `${ENVIRONMENT}/revisions?limit=10&flag=checkout-v2`);
      expect(history.items.filter(({ action }: { action: string }) => action === 'flag.kill')).toHaveLength(
        1,
      );
      // On before the kill, off from then on, whatever ended and began meanwhile.
      expect([there.served, fresh.served, late.served]).toEqual([[true, false], [false], [false]]);
    },
    3 * WITHIN_MS,
  );
});
