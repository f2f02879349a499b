import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CAN_FAKE_CLOCKS, type FakedClock, fakedClock, untilTimeIs } from '../faults/faked-clock.ts';
import { createPostgresCluster, type PostgresCluster } from '../faults/postgres-cluster.ts';
import { startStopwatch, waitedForProcessorMs } from '../faults/processor-wait.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { ask, openEvents, PRODUCTION, PROJECT, startFleet, told, touch } from './fleet.ts';

const WAIT = { timeout: 40_000, interval: 50 };

/** What a server may take to work again once its database does, in milliseconds. */
const RECOVERED_MS = 10_000;

/** For how long PostgreSQL is away; raise it for a long run. */
const AWAY_MS = Number(process.env['DIMMER_TEST_AWAY_MS'] ?? 3_000);

/** How far the clocks of servers are off, and how far what they do may be, in milliseconds. */
const OFF_MS = 600_000;
const SCHEDULE_ERROR_MS = 2_000;

const cluster = await createPostgresCluster();
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');
const missing = cluster === undefined ? ': skipped, this machine has no programs of PostgreSQL' : '';

describe.skipIf(cluster === undefined)(`servers whose PostgreSQL goes away${missing}`, () => {
  let postgres: PostgresCluster;
  let one: ServerProcess;
  let other: ServerProcess;
  const folder = mkdtempSync(join(tmpdir(), 'dimmer-outage-'));
  const clocks: FakedClock[] = CAN_FAKE_CLOCKS
    ? [fakedClock(join(folder, 'one')), fakedClock(join(folder, 'other'))]
    : [];

  beforeAll(async () => {
    if (cluster === undefined) throw new Error('there is no PostgreSQL');
    postgres = cluster;
  });
  afterAll(async () => {
    await Promise.all([one, other].map((server) => server?.end('SIGKILL')));
    await postgres.remove();
    rmSync(folder, { recursive: true });
  });

  test('[M30] servers that start before their database wait for it, and are not ready (REP-5)', async () => {
    const waiting = await createServerProcess(postgres.url(), { DIMMER_LOG_LEVEL: 'error' });
    const starting = waiting.start();
    starting.catch(() => undefined);
    const status = async (path: string): Promise<number> => (await fetch(`${waiting.url}${path}`)).status;
    await vi.waitFor(async () => expect(await status('/livez')).toBe(200), WAIT);
    expect(await status('/readyz')).toBe(503);
    await vi.waitFor(() => expect(waiting.output()).toContain('the server waits for its database'), WAIT);
    await postgres.start();
    await starting;
    expect(await status('/readyz')).toBe(200);
    await waiting.end('SIGTERM');
    const settings = clocks.map(({ environment }) => environment);
    const [first, second] = await startFleet([postgres.url(), postgres.url()], settings);
    if (first === undefined || second === undefined) throw new Error('there are no two servers');
    [one, other] = [first, second];
    await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout', exposeToClients: true } });
  }, 240_000);

  test.skipIf(!CAN_FAKE_CLOCKS)(
    '[M13] kills and keys end by the clock of the database, on servers that are ten minutes off (REP-7)',
    async () => {
      clocks[0]?.set(OFF_MS);
      clocks[1]?.set(-OFF_MS);
      try {
        await untilTimeIs(one.url, OFF_MS);
        await untilTimeIs(other.url, -OFF_MS);
        const lasts = 8_000;
        const expiresAt = new Date(Date.now() + lasts).toISOString();
        const key = await told<{ secret: string }>(one, `POST ${PRODUCTION}/keys`, {
          json: { kind: 'server', name: 'short', expiresAt },
        });
        await told(other, `POST ${PRODUCTION}/flags/checkout/kill`, { json: { reason: 'test', expiresAt } });
        const opens = (server: ServerProcess): Promise<Response> =>
          ask(server, 'GET /sdk/v1/snapshot', { key: key.secret });
        for (const server of [one, other]) expect((await opens(server)).status).toBe(200);
        const waitedMs = waitedForProcessorMs(one.pid(), other.pid());
        await vi.waitFor(async () => {
          const { kill } = await told<{ kill: unknown }>(one, `GET ${PRODUCTION}/flags/checkout`);
          expect(kill).toBeNull();
        }, WAIT);
        const { items } = await told<{ items: { at: string; action: string }[] }>(
          one,
          `GET ${PRODUCTION}/revisions`,
        );
        expect(items[0]?.action).toBe('flag.restore');
        const late = Date.parse(items[0]?.at ?? '') - Date.parse(expiresAt);
        expect(late).toBeGreaterThanOrEqual(0);
        const stalledMs = waitedForProcessorMs(one.pid(), other.pid()) - waitedMs;
        expect(late).toBeLessThan(SCHEDULE_ERROR_MS + stalledMs);
        await sleep(Math.max(0, Date.parse(expiresAt) - Date.now()));
        for (const server of [one, other]) {
          await vi.waitFor(async () => expect((await opens(server)).status).toBe(401), WAIT);
        }
      } finally {
        for (const clock of clocks) clock.set(0);
      }
    },
  );

  test(
    '[M4] PostgreSQL crashes and comes back: streams and evaluations go on, writes wait, nobody is restarted (REP-2)',
    async () => {
      const reading = await openEvents(other);
      await vi.waitFor(() => expect(reading.revision()).toBeGreaterThan(0), WAIT);
      await postgres.stop('immediate');
      const wentAt = performance.now();
      const context = { json: { context: { targetingKey: 'user-1' } }, key: one.serverKey };
      const wrote = async (): Promise<number> =>
        (await ask(one, `PATCH ${PRODUCTION}/flags/checkout`, { json: { enabled: true } })).status;
      await vi.waitFor(async () => expect(await wrote()).toBe(503), WAIT);
      await vi.waitFor(() => {
        const beat = reading.events.findLast(({ event }) => event === 'heartbeat');
        expect(beat?.data.databaseAgeMs).toBeGreaterThan(2_000);
      }, WAIT);
      const opened = await openEvents(one);
      expect(opened.status).toBe(200);
      do {
        await sleep(250);
        for (const server of [one, other]) {
          expect((await ask(server, 'POST /ofrep/v1/evaluate/flags/checkout', context)).status).toBe(200);
          expect((await ask(server, 'GET /readyz')).status).toBe(200);
          expect((await ask(server, 'GET /sdk/v1/snapshot', { key: server.serverKey })).status).toBe(200);
          const unknown = `dim_srv_${'Nobody'.repeat(6)}`;
          expect((await ask(server, 'GET /sdk/v1/snapshot', { key: unknown })).status).toBe(503);
        }
        expect(await wrote()).toBe(503);
      } while (performance.now() - wentAt < AWAY_MS);
      await postgres.start();
      const sinceBackMs = startStopwatch(one.pid(), other.pid());
      const { revision } = await vi.waitFor(() => touch(one), WAIT);
      await vi.waitFor(() => expect(reading.revision()).toBeGreaterThanOrEqual(revision), WAIT);
      const recoveredMs = sinceBackMs();
      if (AWAY_MS > 3_000) console.info(`recovered ${recoveredMs.toFixed(0)} ms after PostgreSQL`);
      expect(recoveredMs).toBeLessThan(RECOVERED_MS);
      for (const stream of [reading, opened]) {
        expect(stream.isOpen()).toBe(true);
        stream.stop();
      }
      expect(`${one.output()}${other.output()}`).not.toMatch(/unhandled|uncaught/i);
    },
    120_000 + AWAY_MS,
  );
});
