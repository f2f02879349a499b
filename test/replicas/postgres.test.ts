import { setTimeout as sleep } from 'node:timers/promises';
import { Dimmer } from '@dimmer/node';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createPostgresProxy, type PostgresProxy } from '../contract/postgres-proxy.ts';
import { startStopwatch } from '../faults/processor-wait.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import {
  ask,
  type EventsOfStream,
  openEvents,
  PRODUCTION,
  PROJECT,
  snapshotOf,
  startFleet,
  told,
  touch,
} from './fleet.ts';

const WAIT = { timeout: 40_000, interval: 50 };

/** What a change takes from server to server where no notification tells of it: a look a second, and some. */
const LOOK_MS = 2_000;

/** How long a server that was stopped waits for its look at the database. */
const LOOKS_FOR_MS = 3_000;

/** For how long a server is stopped; raise it for a long run. */
const STOPPED_MS = Number(process.env['DIMMER_TEST_STOPPED_MS'] ?? 3_500);

describe.skipIf(postgresMissing !== undefined)(`servers on one PostgreSQL ${postgresMissing ?? ''}`, () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;
  let one: ServerProcess;
  let other: ServerProcess;
  const streams: EventsOfStream[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await createPostgresProxy(database.url);
    const [first, second] = await startFleet([proxy.url, database.url]);
    if (first === undefined || second === undefined) throw new Error('there are no two servers');
    [one, other] = [first, second];
    await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout', exposeToClients: true } });
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.stop();
  });
  afterAll(async () => {
    await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')]);
    await proxy.close();
    await database.drop();
  });

  async function stream(server: ServerProcess, query = ''): Promise<EventsOfStream> {
    const opened = await openEvents(server, query);
    streams.push(opened);
    return opened;
  }

  test('[M3] what one server acknowledged, another answers with when it is asked for that revision (ORD-9)', async () => {
    await ask(other, 'GET /sdk/v1/snapshot', { key: other.serverKey });
    for (let round = 0; round < 30; round += 1) {
      const [writer, reader] = round % 2 === 0 ? [one, other] : [other, one];
      const { revision } = await touch(writer);
      expect((await snapshotOf(reader, revision)).revision).toBeGreaterThanOrEqual(revision);
    }
  });

  test('[D2] a listener that is killed, and a write in the gap: the others have it within a second or so (REP-1)', async () => {
    const reading = await stream(other);
    await vi.waitFor(() => expect(reading.revision()).toBeGreaterThan(0), WAIT);
    for (let round = 0; round < 3; round += 1) {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and query ilike any (array['listen%', '%pg_notify%', '%environments%'])`,
      );
      const { revision } = await vi.waitFor(() => touch(one), WAIT);
      await vi.waitFor(() => expect(reading.revision()).toBeGreaterThanOrEqual(revision), WAIT);
    }
    expect(reading.isOpen()).toBe(true);
    const commits = reading.events.filter(({ event }) => event === 'commit').map(({ data }) => data.revision);
    expect(commits).toEqual([...commits].sort((a = 0, b = 0) => a - b));
  });

  test('[D2] without any notification changes come within a look and a second, and the log says so (REP-1)', async () => {
    // Found before the one of PostgreSQL, it tells nobody.
    await database.query('create function public.pg_notify(text, text) returns void language sql as $$ $$');
    const name = new URL(database.url).pathname.slice(1);
    await database.query(`alter database ${name} set search_path = public, pg_catalog`);
    const [quiet] = await startFleet([database.url]);
    if (quiet === undefined) throw new Error('there is no server');
    try {
      const reading = await stream(other);
      const { revision } = await touch(quiet);
      const takenMs = startStopwatch(other.pid());
      await vi.waitFor(() => expect(reading.revision()).toBeGreaterThanOrEqual(revision), {
        ...WAIT,
        interval: 5,
      });
      expect(takenMs()).toBeLessThan(LOOK_MS);
      await vi.waitFor(
        () => expect(quiet.output()).toContain('commits of other servers are not heard'),
        WAIT,
      );
    } finally {
      await quiet.end('SIGTERM');
      await database.query(`alter database ${name} reset search_path`);
      await database.query('drop function public.pg_notify(text, text)');
    }
  });

  test('[M1] a server that is cut off serves what it has, says how old it is, and catches up (REP-3)', async () => {
    const reading = await stream(one);
    const { revision: before } = await touch(one);
    await vi.waitFor(() => expect(reading.revision()).toBe(before), WAIT);
    await proxy.cut();
    const { revision } = await touch(other);
    await vi.waitFor(() => {
      const beat = reading.events.findLast(({ event }) => event === 'heartbeat');
      expect(beat?.data.databaseAgeMs).toBeGreaterThan(3_000);
    }, WAIT);
    expect(reading.revision()).toBe(before);
    expect((await ask(one, 'GET /readyz')).status).toBe(200);
    const context = { json: { context: { targetingKey: 'user-1' } }, key: one.serverKey };
    expect((await ask(one, 'POST /ofrep/v1/evaluate/flags/checkout', context)).status).toBe(200);
    expect((await ask(one, `PATCH ${PRODUCTION}/flags/checkout`, { json: { enabled: true } })).status).toBe(
      503,
    );
    const next = await stream(one, `?since=${encodeURIComponent('another:1')}`);
    await vi.waitFor(() => expect(next.events[0]?.data.databaseAgeMs).toBeGreaterThan(3_000), WAIT);
    await mend();
    await vi.waitFor(() => expect(reading.revision()).toBeGreaterThanOrEqual(revision), WAIT);
    expect(reading.isOpen()).toBe(true);
  });

  test('[M4] a server whose database hangs for it alone stays ready with what it has, and writes end in time (REP-3)', async () => {
    const reading = await stream(one);
    await vi.waitFor(() => expect(reading.revision()).toBeGreaterThan(0), WAIT);
    proxy.hang();
    const takenMs = startStopwatch(one.pid());
    expect((await ask(one, `PATCH ${PRODUCTION}/flags/checkout`, { json: { enabled: true } })).status).toBe(
      503,
    );
    expect(takenMs()).toBeLessThan(15_000);
    const context = { json: { context: { targetingKey: 'user-1' } }, key: one.serverKey };
    expect((await ask(one, 'POST /ofrep/v1/evaluate/flags/checkout', context)).status).toBe(200);
    expect((await ask(one, 'GET /readyz')).status).toBe(200);
    expect(reading.isOpen()).toBe(true);
    await mend();
  });

  test(
    '[M2] [PG23] a server that was stopped and goes on tells nobody anything older than others have, and writes (REP-4)',
    async () => {
      const held = await stream(one);
      await vi.waitFor(() => expect(held.revision()).toBeGreaterThan(0), WAIT);
      for (let rounds = 0; rounds < 2; ) {
        one.signal('SIGSTOP');
        await sleep(STOPPED_MS);
        const { revision } = await touch(other);
        // Asked while it is stopped: it finds the requests when it goes on, before or after its own timers.
        const snapshot = told<{ readonly revision?: number }>(one, 'GET /sdk/v1/snapshot', {
          key: one.serverKey,
        });
        const opening = stream(one).then(helloOf);
        await sleep(50);
        one.signal('SIGCONT');
        const wentOnAt = performance.now();
        const heard = await Promise.all([snapshot, opening]);
        const tookMs = performance.now() - wentOnAt;
        // It takes writes at once: its own sleep is no outage of the database (PG23).
        expect((await touch(one)).revision).toBeGreaterThan(revision);
        // Where the machine has kept it from its look for so long, it goes on with what it has.
        if (tookMs >= LOOKS_FOR_MS) continue;
        for (const { revision: had } of heard) expect(had).toBeGreaterThanOrEqual(revision);
        rounds += 1;
      }
      const revisions = held.events.flatMap(({ data }) => data.revision ?? []);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    },
    120_000 + 2 * STOPPED_MS,
  );

  test('[M5] a key that one server deletes is refused by the other, and its streams end, within 5 s (REP-9)', async () => {
    const json = { kind: 'server', name: 'doomed' };
    const made = await told<{ id: string; secret: string }>(one, `POST ${PRODUCTION}/keys`, { json });
    const opened = await openEvents({ url: other.url, serverKey: made.secret });
    streams.push(opened);
    expect(opened.status).toBe(200);
    const takenMs = startStopwatch(one.pid(), other.pid());
    expect((await ask(one, `DELETE ${PRODUCTION}/keys/${made.id}`)).ok).toBe(true);
    await vi.waitFor(() => expect(opened.isOpen()).toBe(false), WAIT);
    const goodbye = opened.events.at(-1);
    expect(goodbye?.data.reason).toBe('revoked');
    expect(takenMs()).toBeLessThan(5_000);
    expect((await ask(other, 'GET /sdk/v1/snapshot', { key: made.secret })).status).toBe(401);
  });

  test('[M20] a kill through one server waits for the SDKs of both', async () => {
    const sdks = [one, other].map(({ url, serverKey }) => new Dimmer({ url, key: serverKey, cache: false }));
    try {
      await Promise.all(sdks.map((sdk) => sdk.ready({ timeoutMs: 40_000 })));
      await vi.waitFor(async () => {
        const { items } = await told<{ items: unknown[] }>(one, `GET ${PRODUCTION}/instances`);
        expect(items.length).toBeGreaterThanOrEqual(2);
      }, WAIT);
      const { receipt } = await told<{
        receipt: { complete: boolean; instances: number; stragglers: unknown[] };
      }>(one, `POST ${PRODUCTION}/flags/checkout/kill?wait=15000`, { json: { reason: 'test' } });
      expect(receipt.stragglers).toEqual([]);
      expect(receipt.instances).toBeGreaterThanOrEqual(2);
    } finally {
      await Promise.all(sdks.map((sdk) => sdk.close()));
      await told(one, `POST ${PRODUCTION}/flags/checkout/restore`, { json: { reason: 'test' } });
    }
  });

  test('[M12] kills are lifted once, also where the server that does it is stopped, overtaken, and goes on (REP-6)', async () => {
    for (const leaving of ['SIGSTOP', 'SIGKILL'] as const) {
      const expiresAt = new Date(Date.now() + 3_000).toISOString();
      const { revision } = await told<{ revision: number }>(one, `POST ${PRODUCTION}/flags/checkout/kill`, {
        json: { reason: leaving, expiresAt },
      });
      const [row] = await database.query(`select holder from leases where name = 'upkeep'`);
      const [leader, follower] = await leaderFirst(String(row?.['holder']));
      leader.signal(leaving === 'SIGKILL' ? 'SIGKILL' : 'SIGSTOP');
      await vi.waitFor(async () => {
        const { kill } = await told<{ kill: unknown }>(follower, `GET ${PRODUCTION}/flags/checkout`);
        expect(kill).toBeNull();
      }, WAIT);
      if (leaving === 'SIGKILL') await leader.start();
      else leader.signal('SIGCONT');
      await sleep(1_500);
      const { items } = await told<{ items: { action: string }[] }>(
        follower,
        `GET ${PRODUCTION}/revisions?after=${revision}`,
      );
      expect(items.map(({ action }) => action)).toEqual(['flag.restore']);
    }
  });

  async function helloOf({ events }: EventsOfStream): Promise<{ readonly revision?: number }> {
    await vi.waitFor(() => expect(events[0]?.event).toBe('hello'), WAIT);
    return events[0]?.data ?? {};
  }

  /** The database is there again, and the server has noticed. */
  async function mend(): Promise<void> {
    await proxy.mend();
    await vi.waitFor(() => touch(one), WAIT);
  }

  /** Which of the two holds a lease: a server is named after host and process in what it logs. */
  async function leaderFirst(holder: string): Promise<readonly [ServerProcess, ServerProcess]> {
    return holder.includes(`-${one.pid()}-`) ? [one, other] : [other, one];
  }
});
