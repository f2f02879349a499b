import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ClientStream } from '../contract/client-harness.ts';
import { readStream } from '../contract/client-harness.ts';
import { createPostgresCluster } from '../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { startOperator } from './operator-process.ts';

const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;
const FLAG = `${ENVIRONMENT}/flags/checkout-v2`;
const CLIENT_KEY = `dim_cli_${'Client'.repeat(6)}`;
const user = { targetingKey: 'user-1' };
const WITHIN_MS = 60_000;

const cluster = await createPostgresCluster();

describe.skipIf(cluster === undefined)('a database that goes away under a kill', () => {
  let server: ServerProcess;
  /** Another one on the same database. */
  let other: ServerProcess;
  let web: Dimmer;
  /** Behind the other server. */
  let there: Dimmer;
  let page: ClientStream;
  /** Everything that the program served of the flag, asked each millisecond, without repetitions. */
  const served: boolean[] = [];
  let sampling: NodeJS.Timeout;

  beforeAll(async () => {
    await cluster?.start();
    server = await createServerProcess(cluster?.url() ?? '', { DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY });
    await server.start();
    other = await createServerProcess(cluster?.url() ?? '');
    await other.start();
    await send('POST', `${PROJECT}/flags`, { key: 'checkout-v2', exposeToClients: true });
    await send('PATCH', FLAG, { enabled: true, fallthrough: { variation: 'on' } });
    web = follower();
    there = follower(other.url);
    await Promise.all([web.ready({ timeoutMs: 40_000 }), there.ready({ timeoutMs: 40_000 })]);
    await vi.waitFor(() => expect([isOn(web), isOn(there)]).toEqual([true, true]), WITHIN_MS);
    page = readStream(await asPage('/client/v1/stream'));
    await page.until(({ type }) => type === 'commit');
    sampling = setInterval(sample, 1);
  }, 2 * WITHIN_MS);

  afterAll(async () => {
    clearInterval(sampling);
    page.stop();
    await Promise.all([web.close(), there.close()]);
    await Promise.all([server.end('SIGTERM'), other.end('SIGTERM')]);
    await cluster?.remove();
  }, WITHIN_MS);

  function sample(): void {
    const value = isOn(web);
    if (served.at(-1) !== value) served.push(value);
  }

  function follower(url = server.url): Dimmer {
    return new Dimmer({ url, key: server.serverKey, cache: false });
  }

  function placeOf(flags: Dimmer): object {
    const { epoch, revision } = flags.status();
    return { epoch, revision };
  }

  function isOn(flags: Dimmer): boolean {
    return flags.boolean('checkout-v2', user, false);
  }

  async function ask(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async function send(method: string, path: string, body: unknown): Promise<void> {
    const response = await ask(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  }

  async function heldAt({ url, adminKey }: ServerProcess): Promise<readonly unknown[]> {
    const headers = { authorization: `Bearer ${adminKey}` };
    const answer = await fetch(`${url}${ENVIRONMENT}/held-kills`, { headers });
    return ((await answer.json()) as { readonly items: readonly unknown[] }).items;
  }

  function asPage(path: string): Promise<Response> {
    return fetch(server.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${CLIENT_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ context: user }),
    });
  }

  async function dimmer(
    ...words: readonly string[]
  ): Promise<{ readonly code: number | null; readonly out: string }> {
    const run = startOperator(words, { DIMMER_ADMIN_KEY: server.adminKey, DIMMER_URL: server.url });
    const code = await run.exit;
    return { code, out: run.out() + run.err() };
  }

  test(
    '[BG5, BG6, BG10, BG11, O16, O18] its kill reaches everybody, stays, and is committed when it is back',
    async () => {
      const { epoch, revision = 0 } = web.status();
      await cluster?.stop('immediate');
      await vi.waitFor(
        async () => expect((await ask('PATCH', FLAG, { enabled: true })).status).toBe(503),
        WITHIN_MS,
      );
      expect([isOn(web), web.status().resyncs, web.status().mode]).toEqual([true, 0, 'stream']);

      const ordinary = await dimmer('kill', 'checkout-v2', '--reason', 'payments fail', '--retry', '0s');
      expect(ordinary.code).toBe(4);
      expect(ordinary.out).toContain('dimmer kill --break-glass');
      const servers = [server, other].flatMap(({ url }) => ['--url', url]);
      const glass = await dimmer(
        'kill',
        'checkout-v2',
        '--reason',
        'payments fail',
        '--break-glass',
        ...servers,
      );
      expect(glass.code).toBe(0);
      expect(glass.out).toMatch(/held by \S+ for 2 streams/);
      expect(glass.out).toMatch(/held by \S+ for 1 stream,/);
      await vi.waitFor(() => expect([isOn(web), isOn(there)]).toEqual([false, false]), WITHIN_MS);
      await page.until((message) => message.type === 'commit' && message.kill === true);

      const late = follower();
      await late.ready({ timeoutMs: 40_000 });
      expect(isOn(late)).toBe(false);
      await late.close();
      expect(await (await asPage('/client/v1/evaluate')).json()).toMatchObject({
        objects: [{ key: 'checkout-v2', value: false, reason: 'KILLED' }],
      });
      expect((await dimmer('status', 'checkout-v2', '--retry', '0s')).out).toMatch(/^held +KILLED since/m);
      expect((await ask('PATCH', FLAG, { enabled: true })).status).toBe(503);

      await cluster?.start();
      await vi.waitFor(async () => {
        expect([await heldAt(server), await heldAt(other)]).toEqual([[], []]);
      }, WITHIN_MS);
      await vi.waitFor(
        () => expect(web.status()).toMatchObject({ epoch, revision: (revision ?? 0) + 1 }),
        WITHIN_MS,
      );
      expect(await (await ask('GET', FLAG)).json()).toMatchObject({ kill: { reason: 'payments fail' } });
      // On before the kill, off from then on: never for a moment anything else.
      sample();
      expect(served).toEqual([true, false]);
      // Two servers held it, and it is one revision.
      await vi.waitFor(() => expect(there.status()).toMatchObject(placeOf(web)), WITHIN_MS);
      expect(isOn(there)).toBe(false);
      await vi.waitFor(() => expect(web.status()).toMatchObject({ state: 'LIVE', resyncs: 0 }), WITHIN_MS);
      const told = page.events.flatMap(({ message }) => (message.type === 'put' ? [message.object] : []));
      expect(told).toMatchObject([{ value: true }, { value: false, reason: 'KILLED' }]);
      expect(page.events.some(({ message }) => message.type === 'goodbye')).toBe(false);
    },
    3 * WITHIN_MS,
  );
});
