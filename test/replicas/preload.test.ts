import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPostgresCluster, type PostgresCluster } from '../faults/postgres-cluster.ts';
import { startStopwatch } from '../faults/processor-wait.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { startBalancer } from './balancer.ts';
import { type Asked, ask, openEvents, PRODUCTION, PROJECT, startFleet, told } from './fleet.ts';

/** The longest delay of an SDK between two attempts is 30 s. */
const WAIT = { timeout: 80_000, interval: 50 };
const CONTEXT = { context: { targetingKey: 'user-1' } };
const LATER = `${PROJECT}/environments/later`;

const cluster = await createPostgresCluster();
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');
const missing = cluster === undefined ? ': skipped, this machine has no programs of PostgreSQL' : '';

describe.skipIf(cluster === undefined)(`a server that nobody has asked anything${missing}`, () => {
  let postgres: PostgresCluster;
  let one: ServerProcess;
  let other: ServerProcess;
  let clientKey: string;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error('there is no PostgreSQL');
    postgres = cluster;
    await postgres.start();
    const [first, second] = await startFleet([postgres.url(), postgres.url()]);
    if (first === undefined || second === undefined) throw new Error('there are no two servers');
    [one, other] = [first, second];
    await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout', exposeToClients: true } });
    await told(one, `PATCH ${PRODUCTION}/flags/checkout`, { json: { enabled: true } });
    clientKey = await keyOf(PRODUCTION, 'client');
    // Starts when everything is there, and is asked for nothing but whether it is ready.
    await other.end('SIGTERM');
    await other.start();
  });

  afterAll(async () => {
    await Promise.all([one, other].map((server) => server?.end('SIGKILL')));
    await postgres.remove();
  });

  test('[M32] serves SDKs that come from a server which died, while the database is away (REP-5)', async () => {
    const balancer = await startBalancer([one.port]);
    const moving = new Dimmer({ url: balancer.url, key: one.serverKey, cache: false });
    try {
      await moving.ready({ timeoutMs: 40_000 });
      await postgres.stop('immediate');
      balancer.add(other.port);
      await one.end('SIGKILL');
      const reading = await openEvents(other);
      expect(reading.status).toBe(200);
      await vi.waitFor(() => expect(reading.revision()).toBeGreaterThan(0), WAIT);
      reading.stop();
      const fresh = new Dimmer({ url: other.url, key: other.serverKey, cache: false });
      await fresh.ready({ timeoutMs: 40_000 });
      expect(fresh.boolean('checkout', CONTEXT.context, false)).toBe(true);
      await fresh.close();
      await vi.waitFor(async () => {
        expect(await metricsOf(other)).toMatch(
          /^dimmer_streams\{project="default",environment="production"\} 1$/m,
        );
      }, WAIT);
      expect(moving.boolean('checkout', CONTEXT.context, false)).toBe(true);
      await expectValues(PRODUCTION, other.serverKey, clientKey);
    } finally {
      await moving.close();
      await balancer.close();
      await postgres.start();
      await one.start();
    }
  }, 240_000);

  test('[M33] has what was made through another server since, once that and the database are away (REP-5)', async () => {
    await vi.waitFor(async () => {
      await told(one, `POST ${PROJECT}/environments`, { json: { key: 'later', copyFrom: 'production' } });
    }, WAIT);
    const [serverKey, client] = [await keyOf(LATER, 'server'), await keyOf(LATER, 'client')];
    // Whoever has this one has seen every key that was made before its own.
    await told(one, `POST ${PROJECT}/environments`, { json: { key: 'last', copyFrom: 'production' } });
    await keyOf(`${PROJECT}/environments/last`, 'server');
    const takenMs = startStopwatch(one.pid(), other.pid());
    await vi.waitFor(async () => {
      for (const environment of ['later', 'last']) {
        const held = `^dimmer_environment_revision\\{project="default",environment="${environment}"\\} [1-9]`;
        expect(await metricsOf(other)).toMatch(new RegExp(held, 'm'));
      }
    }, WAIT);
    expect(takenMs()).toBeLessThan(10_000);
    await postgres.stop('immediate');
    await one.end('SIGKILL');
    await expectValues(LATER, serverKey, client);
    expect((await ask(other, 'GET /readyz')).status).toBe(200);
  }, 240_000);

  async function metricsOf(server: ServerProcess): Promise<string> {
    return (await ask(server, 'GET /metrics')).text();
  }

  async function keyOf(environment: string, kind: 'server' | 'client'): Promise<string> {
    const made = await told<{ secret: string }>(one, `POST ${environment}/keys`, {
      json: { kind, name: kind },
    });
    return made.secret;
  }

  /** What every way to a value answers at the server that is left. */
  async function expectValues(environment: string, serverKey: string, client: string): Promise<void> {
    const answer = async (route: string, asked: Asked): Promise<unknown> =>
      told<unknown>(other, route, asked);
    const flag = 'POST /ofrep/v1/evaluate/flags/checkout';
    for (const key of [serverKey, client]) {
      expect(await answer(flag, { key, json: CONTEXT })).toMatchObject({ key: 'checkout', value: true });
    }
    const values = await ask(other, 'POST /client/v1/evaluate', { key: client, json: CONTEXT });
    expect([environment, values.status]).toEqual([environment, 200]);
    expect(await values.text()).toContain('"checkout"');
  }
});
