import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { type Pooler, poolerMissing, startPooler } from '../contract/postgres-pooler.ts';
import { waitedForProcessorMs } from '../faults/processor-wait.ts';
import { seededRandom, seedOf } from '../faults/seeded-random.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { ask, openEvents, PRODUCTION, PROJECT, startFleet, told, touch } from './fleet.ts';

const WAIT = { timeout: 40_000, interval: 20 };

/** What a change takes from server to server: a look a second, and a second. */
const CONVERGED_MS = 2_000;

/** How many writes are followed; raise it for a long run. */
const ROUNDS = Number(process.env['DIMMER_TEST_ROUNDS'] ?? 10);

const missing = postgresMissing ?? poolerMissing;

describe.skipIf(missing !== undefined)(
  `servers behind PgBouncer in transaction mode ${missing ?? ''}`,
  () => {
    let database: TestDatabase;
    let pooler: Pooler;
    let one: ServerProcess;
    let other: ServerProcess;
    const random = seededRandom(seedOf(process.env['DIMMER_FAULT_SEED']));

    beforeAll(async () => {
      database = await createTestDatabase();
      pooler = await startPooler(database.url);
      const [first, second] = await startFleet([pooler.url, pooler.url]);
      if (first === undefined || second === undefined) throw new Error('there are no two servers');
      [one, other] = [first, second];
      await told(one, `POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
    });
    afterAll(async () => {
      await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')]);
      await pooler.close();
      await database.drop();
    });

    test(
      '[PG12] [D2] what one writes the SDKs of the other have within a look and a second, nothing is lost, and both warn (REP-1)',
      async () => {
        for (const server of [one, other]) {
          const warned = (): void =>
            expect(server.output()).toContain('commits of other servers are not heard');
          await vi.waitFor(warned, WAIT);
        }
        const readings = await Promise.all([openEvents(one), openEvents(other)]);
        for (const reading of readings) await vi.waitFor(() => expect(reading.revision()).toBe(1), WAIT);
        const writtenAt = new Map<number, number>();
        const waited = (): number => waitedForProcessorMs(process.pid, one.pid(), other.pid());
        const waitedBefore = waited();
        for (let round = 0; round < ROUNDS; round += 1) {
          const { revision } = await touch(round % 2 === 0 ? one : other);
          writtenAt.set(revision, performance.now());
          await sleep(random.between(0, 1_000));
        }
        const last = ROUNDS + 1;
        expect([...writtenAt.keys()]).toEqual(Array.from({ length: ROUNDS }, (_, index) => index + 2));
        const lateMs: number[] = [];
        for (const reading of readings) {
          await vi.waitFor(() => expect(reading.revision()).toBe(last), WAIT);
          expect(reading.isOpen()).toBe(true);
          for (const [revision, at] of writtenAt) {
            const arrived = reading.events.find(({ data }) => (data.revision ?? 0) >= revision);
            lateMs.push((arrived?.at ?? Number.NaN) - at);
          }
          const commits = reading.events.flatMap(({ event, data }) =>
            event === 'commit' ? data.revision : [],
          );
          expect(commits).toEqual([...new Set(commits)].sort((a = 0, b = 0) => a - b));
          reading.stop();
        }
        // None of the writes had to bear all that the machine took from everybody meanwhile.
        expect(Math.max(...lateMs) - (waited() - waitedBefore)).toBeLessThan(CONVERGED_MS);
        for (const server of [one, other]) {
          expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(
            /^dimmer_database_listening 0$/m,
          );
          const { items } = await told<{ items: { revision: number }[] }>(
            server,
            `GET ${PRODUCTION}/revisions?limit=500`,
          );
          expect(items.map(({ revision }) => revision).filter((revision) => revision > 1)).toEqual(
            [...writtenAt.keys()].reverse(),
          );
        }
        if (ROUNDS > 10)
          console.info(`${ROUNDS} writes, the latest had after ${Math.max(...lateMs).toFixed(0)} ms`);
      },
      60_000 + 2_000 * ROUNDS,
    );

    test('[PG5] a key in flight at one is refused by the other, and both give the one answer afterwards (DUR-8)', async () => {
      const { refused, first } = await killHeldUp();
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        409,
        'REQUEST_IN_FLIGHT',
      ]);
      const answered = await first.text();
      for (const server of [one, other]) {
        const repeated = await kill(server);
        expect(repeated.headers.get('idempotency-replayed')).toBe('true');
        expect(await repeated.text()).toBe(answered);
      }
      // The connection that had the key serves whoever comes next: nothing of it is left.
      const ofKeys = `select from pg_locks join pg_database on pg_database.oid = database
        where datname = current_database() and locktype = 'advisory' and classid = 4400`;
      expect(await database.query(ofKeys)).toEqual([]);
    });

    /** A kill that waits for a lock, and the same asked of the other server meanwhile; another, where the machine let it wait until it was given up. */
    async function killHeldUp(): Promise<{ readonly first: Response; readonly refused: Response }> {
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      for (;;) {
        const session = await database.session();
        await session.query('begin');
        await session.query('select from projects for update');
        const killing = kill(one);
        await vi.waitFor(async () => expect(await database.query(waiting)).toHaveLength(1), WAIT);
        const refused = await kill(other);
        await session.query('rollback');
        await session.end();
        const first = await killing;
        if (first.status !== 503) return { first, refused };
      }
    }

    function kill(server: ServerProcess): Promise<Response> {
      const headers = { 'idempotency-key': 'key-1' };
      return ask(server, `POST ${PRODUCTION}/flags/checkout/kill`, { json: { reason: 'x' }, headers });
    }
  },
);
