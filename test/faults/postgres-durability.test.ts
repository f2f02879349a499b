import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPostgresCluster, type PostgresCluster } from './postgres-cluster.ts';
import { COMMAND, createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, writeRule } from './writer.ts';

const FLAG = 'written';
const WRITES = 100;
const PATIENTLY = { timeout: 40_000 };

/** The process of PostgreSQL that writes what nobody waits for sleeps longer than the tests take. */
const cluster = await createPostgresCluster(['wal_writer_delay = 10s', 'autovacuum = off']);
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');
const missing = cluster === undefined ? ': skipped, this machine has no programs of PostgreSQL' : '';

describe.skipIf(cluster === undefined)(`a PostgreSQL that does not wait for its disk${missing}`, () => {
  let postgres: PostgresCluster;
  let server: ServerProcess;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error('there is no PostgreSQL');
    postgres = cluster;
    await postgres.start();
    await query('alter role dimmer set synchronous_commit = off');
    await query('alter database postgres set synchronous_commit = off');
    await query('create table scratch (number int)');
    server = await createServerProcess(postgres.url());
    await server.start();
    await createFlag(server, FLAG);
  });
  afterAll(async () => {
    await server.end('SIGKILL');
    await postgres.remove();
  });

  test(`[PG6] each of ${WRITES} commits is on its disk when it is acknowledged (DUR-1)`, async () => {
    const session = await openSession();
    for (let count = 0; count < WRITES; count += 1) {
      const [before] = (await session.query('select pg_current_wal_insert_lsn() as lsn')).rows;
      expect(await writeRule(server, FLAG, `w${count}`)).toBeDefined();
      const { rows } = await session.query('select pg_current_wal_flush_lsn() > $1::pg_lsn as is_forced', [
        before.lsn,
      ]);
      expect(rows, `write ${count}`).toEqual([{ is_forced: true }]);
    }
    await session.end();
  });

  test('[PG6] a crash takes what a session wrote that does not wait, and nothing that was acknowledged (DUR-1)', async () => {
    const last = await writeRule(server, FLAG, 'last');
    expect(last).toBeDefined();
    await server.end('SIGKILL');
    let number = 0;
    // Again, where the process that writes what nobody waits for woke before the crash.
    await vi.waitFor(async () => {
      number += 1;
      await query(`insert into scratch values (${number})`);
      expect(await query(`select from scratch where number = ${number}`)).toHaveLength(1);
      await postgres.stop('immediate');
      await postgres.start();
      expect(await query(`select from scratch where number = ${number}`)).toEqual([]);
    }, PATIENTLY);
    await server.start();
    expect((await readHistory(server)).at(-1)).toEqual(last);
  });

  test('[PG6] fsync = off is warned of by the start and by the doctor (DUR-1)', async () => {
    expect(server.output()).not.toContain('fsync');
    await query('alter system set fsync = off');
    await query('select pg_reload_conf()');
    await expect.poll(() => query('show fsync'), PATIENTLY).toEqual([{ fsync: 'off' }]);
    await server.end('SIGTERM');
    await server.start();
    await expect.poll(() => server.output(), PATIENTLY).toContain('PostgreSQL runs with fsync = off');
    const doctor = [COMMAND, 'doctor', '--database', postgres.url()];
    // It ends with 1 where it finds a problem of this machine.
    const told = await promisify(execFile)(process.execPath, doctor).catch(
      (failure: { readonly stdout: string }) => failure,
    );
    expect(told.stdout).toContain('fsync is off');
  });

  async function openSession(): Promise<pg.Client> {
    const session = new pg.Client({ connectionString: postgres.url() });
    session.on('error', () => {});
    await session.connect();
    return session;
  }

  async function query(text: string): Promise<readonly unknown[]> {
    const session = await openSession();
    try {
      return (await session.query(text)).rows;
    } finally {
      await session.end();
    }
  }
});
