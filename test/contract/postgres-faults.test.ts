import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchOf } from '../../server/src/storage/counted-batch.fixture.ts';
import type { Availability } from '../../server/src/storage/postgres/breaker.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { startStopwatch } from '../faults/processor-wait.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { postgresMissing } from './postgres-database.ts';
import { createPostgresProxy, type PostgresProxy } from './postgres-proxy.ts';
import { PostgresServers } from './postgres-servers.ts';
import { PRODUCTION, SHOP } from './storage-shop.ts';
import { projectOf, write } from './storage-subject.ts';

const WAIT = { timeout: 40_000, interval: 20 };
const UNAVAILABLE = { name: 'StorageFault', fault: 'unavailable' };

/** Answers of the database are waited for for 6 s, those to a look for 2 s. */
const LONGER_THAN_ANY_PATIENCE_MS = 6_500;

/** As SIGSTOP, or a machine that is paused. */
function standStill(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}

describe.skipIf(postgresMissing !== undefined)(`PostgreSQL in trouble${postgresMissing ?? ''}`, () => {
  const servers = new PostgresServers();
  const changes: Availability[] = [];
  let proxy: PostgresProxy;
  let storage: Storage;

  beforeEach(async () => {
    await servers.begin();
    changes.length = 0;
    proxy = await createPostgresProxy(servers.database.url);
    storage = await servers.start({ url: proxy.url, onAvailability: (change) => changes.push(change) });
    await write(storage, null, () => projectDraft(SHOP, ['production']));
  });
  afterEach(async () => {
    await proxy.close();
    await servers.end();
  });
  afterAll(() => servers.drop());

  const commit = (key: string) =>
    write(storage, SHOP, (world) => commitDraft(projectOf(world), ['production'], [{ type: 'flag', key }]));
  const isDown = () => vi.waitFor(() => expect(changes.at(-1)?.isUp).toBe(false), WAIT);
  const isUp = () => vi.waitFor(() => expect(changes.at(-1)?.isUp).toBe(true), WAIT);

  test('[PG9] a database that is gone is told at once, asked again at a bounded rate, and used again by itself', async () => {
    const heard: number[] = [];
    storage.onCommit((_, revision) => heard.push(revision));
    await commit('a');
    await proxy.cut();
    await expect(commit('b')).rejects.toMatchObject(UNAVAILABLE);
    await isDown();
    const takenMs = startStopwatch();
    const calls = Array.from({ length: 1_000 }, () => storage.read(SHOP).catch((error: unknown) => error));
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject(UNAVAILABLE);
    expect(takenMs(), 'milliseconds for 1,000 refusals').toBeLessThan(5_000);
    await proxy.mend();
    await isUp();
    await commit('b');
    expect(heard).toEqual([1, 2]);
    expect((await storage.changesAfter(PRODUCTION, 0, 10)).map(({ revision }) => revision)).toEqual([1, 2]);
  });

  test('[PG9] a database that hangs is found out, and calls fail at once from then on', async () => {
    proxy.hang();
    const hung = storage.read(SHOP).catch((error: unknown) => error);
    const takenMs = startStopwatch();
    await isDown();
    expect(takenMs()).toBeLessThan(5_000);
    const dials = proxy.dials();
    await expect(storage.read(SHOP)).rejects.toMatchObject(UNAVAILABLE);
    await expect(commit('a')).rejects.toMatchObject(UNAVAILABLE);
    expect(await hung).toMatchObject(UNAVAILABLE);
    // The probe and no more: one connection a second at most, each given up after two.
    expect(proxy.dials() - dials).toBeLessThan(10);
    await proxy.mend();
    await isUp();
    await commit('a');
    expect((await storage.read(SHOP))?.flags.size).toBe(1);
  });

  test('[PG9] connections that break one by one are no outage', async () => {
    for (let round = 0; round < 5; round += 1) {
      await servers.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'dimmer'`,
      );
      await vi.waitFor(() => storage.read(SHOP), WAIT);
    }
    await vi.waitFor(() => commit('a'), WAIT);
    expect((await storage.read(SHOP))?.flags.size).toBe(1);
  });

  test('[PG23] a process that stood still takes no answer that came meanwhile for one that did not come', async () => {
    let looks = 0;
    let asked: Promise<unknown>[] = [];
    const onStatement = (sql: string): void => {
      if (!sql.includes('pg_is_in_recovery')) return;
      looks += 1;
      if (looks !== 2) return;
      // As many questions under way as there are connections, and as many that wait for one; then the process stops.
      asked = Array.from({ length: 8 }, () => standing.read(SHOP));
      setImmediate(() => standStill(LONGER_THAN_ANY_PATIENCE_MS));
    };
    const heard: Availability[] = [];
    const standing = await servers.start({ onAvailability: (change) => heard.push(change), onStatement });
    // The connections are there.
    await Promise.all(Array.from({ length: 8 }, () => standing.read(SHOP)));
    await vi.waitFor(() => expect(looks).toBeGreaterThanOrEqual(4), WAIT);
    for (const state of await Promise.all(asked)) expect(state).toMatchObject({ project: { key: SHOP } });
    expect(heard).toEqual([]);
  });

  test('[PG18] closing ends within a bound while the database hangs, and every call is answered', async () => {
    proxy.hang();
    const hung = [storage.read(SHOP), commit('a'), storage.keys()].map((call) =>
      call.catch((error: unknown) => error),
    );
    const takenMs = startStopwatch();
    await storage.close();
    expect(takenMs()).toBeLessThan(15_000);
    for (const answer of await Promise.all(hung)) expect(answer).toMatchObject(UNAVAILABLE);
  });

  test('[PG8] reports that hold all of their connections keep nobody from writing and reading', async () => {
    const holder = await servers.database.session();
    await holder.query('begin');
    await holder.query('lock table exposures in access exclusive mode');
    const count = { project: SHOP, environment: 'production', flag: 'a', variation: null, reason: 'OFF' };
    const reports = Array.from({ length: 20 }, (_, index) =>
      storage.exposures
        .add(batchOf(`batch ${index}`, [{ ...count, source: 'server', minute: 0, count: 1 }]))
        .catch((error: unknown) => error),
    );
    await commit('a');
    expect((await storage.read(SHOP))?.flags.size).toBe(1);
    await holder.query('rollback');
    await holder.end();
    await Promise.all(reports);
  });

  test('[PG8] where PostgreSQL has no more connections, a server goes on with those that it has', async () => {
    const role = `dimmer_few_${process.pid}`;
    await servers.database.query(`create role ${role} login superuser connection limit 5`);
    await servers.database.query(`alter role ${role} nosuperuser`);
    await servers.database.query(`grant all on all tables in schema public to ${role}`);
    await servers.database.query(`grant all on all sequences in schema public to ${role}`);
    const url = new URL(servers.database.url);
    url.username = role;
    const few = await servers.start({ url: url.href, connectionsMax: 20 });
    try {
      await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          index % 3 === 0
            ? write(few, SHOP, (world) =>
                commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: `flag-${index}` }]),
              )
            : few.read(SHOP),
        ),
      );
      expect((await few.read(SHOP))?.flags.size).toBe(20);
    } finally {
      await few.close();
      await servers.database.query(`drop owned by ${role}`);
      await servers.database.query(`drop role ${role}`);
    }
  });

  test('[PG8] a server keeps to its number of connections', async () => {
    const few = await servers.start({ connectionsMax: 5 });
    const work = Array.from({ length: 40 }, () => few.read(SHOP));
    await Promise.all(work);
    const [row] = await servers.database.query(
      `select count(*)::int as connections from pg_stat_activity
       where datname = current_database() and application_name = 'dimmer'`,
    );
    expect(row?.['connections']).toBeLessThanOrEqual(10 + 5);
  });
});
