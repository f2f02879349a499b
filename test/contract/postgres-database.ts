import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { EMPTYING } from '../../server/src/storage/postgres/emptying.fixture.ts';

/** A PostgreSQL of the machine that tests may make databases on. */
const DEFAULT_URL = 'postgres://root@127.0.0.1:5432/postgres';

/** A database of a test's own. */
export interface TestDatabase {
  readonly url: string;
  /** Runs statements outside of any storage. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** A session of its own, which the caller ends. */
  session(): Promise<pg.Client>;
  /** Takes every row out of it, as if it were new. */
  empty(): Promise<void>;
  /** Puts a new one in its place, without a table. Who was connected to it is not any more. */
  renew(): Promise<void>;
  drop(): Promise<void>;
}

/** Why there is no PostgreSQL for tests; `undefined` where there is one. */
export const postgresMissing: string | undefined = await whyMissing();

/**
 * Makes a database with a name of its own on the PostgreSQL of `DIMMER_TEST_POSTGRES_URL`, or of this machine.
 *
 * @param options - What follows `create database <name>`.
 */
export async function createTestDatabase(options = ''): Promise<TestDatabase> {
  const name = `dimmer_test_${randomBytes(6).toString('hex')}`;
  await onServer((client) => client.query(`create database ${name} ${options}`));
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 2, allowExitOnIdle: true });
  pool.on('error', () => {});
  const query = async (text: string, values: readonly unknown[] = []) =>
    (await pool.query<Record<string, unknown>>(text, [...values])).rows;
  return {
    url: url.href,
    query,
    session: async () => {
      const client = new pg.Client({ connectionString: url.href });
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    empty: async () => void (await query(EMPTYING)),
    renew: () =>
      onServer(async (client) => {
        await client.query(`drop database ${name} with (force)`);
        await client.query(`create database ${name} ${options}`);
      }),
    drop: async () => {
      await pool.end();
      await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

function serverUrl(): string {
  return process.env['DIMMER_TEST_POSTGRES_URL'] ?? DEFAULT_URL;
}

/** @throws Where the pipeline runs, which must have one. */
async function whyMissing(): Promise<string | undefined> {
  try {
    await onServer((client) => client.query('select 1'));
    return undefined;
  } catch (cause) {
    if (process.env['CI'] !== undefined) throw new Error('The pipeline needs a PostgreSQL.', { cause });
    return 'no PostgreSQL answers: name one in DIMMER_TEST_POSTGRES_URL';
  }
}

async function onServer(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl(), connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
