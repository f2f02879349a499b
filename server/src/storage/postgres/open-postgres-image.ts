import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Schedule } from '../../platform/schedule.ts';
import type { ImageSource, ImageTarget } from '../image.ts';
import { StorageFault } from '../storage.ts';
import { UNFINISHED_RESTORE } from './migrate.ts';
import { bringUpToDate, versionOfTables } from './open-postgres-storage.ts';
import { targetOf } from './pg-connections.ts';
import { ConnectFault, faultOf, nameOf } from './postgres-fault.ts';
import { firstFilledTable, readRows, writeRows } from './postgres-image.ts';
import { prepareSession } from './session-settings.ts';
import { driverUrl } from './tls.ts';

/** How servers call themselves, in `pg_stat_activity`. */
const SERVER_NAME = 'dimmer';

/** How these connections do. */
const OWN_NAME = 'dimmer-maintenance';

const CONNECT_TIMEOUT_MS = 5_000;

/** How often is looked whether servers are connected, and how long between two looks, in seconds. */
const USE_LOOKS = 16;
const USE_PAUSE_S = 0.2;

/**
 * Opens a database to read it whole, in one snapshot; a standby will do.
 *
 * @param options.exclusive - Whether to refuse where servers are connected. Else they may go on writing.
 * @throws StorageFault `unavailable` where it cannot be reached, is of another version, or exclusive and in use.
 */
export async function openPostgresSource({
  url,
  exclusive,
}: {
  readonly url: string;
  readonly exclusive: boolean;
}): Promise<ImageSource> {
  const name = nameOf(targetOf(url));
  const prepare = async (made: pg.Client): Promise<void> => {
    if (exclusive) await assertUnused(made, name);
    await assertCurrent(made, name);
    await made.query('begin isolation level repeatable read read only');
  };
  const client = await connected(url, prepare, { isReader: true });
  return {
    adapter: 'postgres',
    rows: () => withFaults(url, readRows(client, name)),
    close: () => client.end(),
  };
}

/**
 * Opens an empty database to fill it. From then on no server starts on it, until it is filled.
 *
 * @throws StorageFault `unavailable` where it cannot be reached, is in use or has something in it.
 */
export async function openPostgresTarget({
  url,
  schedule,
}: {
  readonly url: string;
  readonly schedule: Schedule;
}): Promise<ImageTarget> {
  const name = nameOf(targetOf(url));
  const client = await connected(url, async (made) => {
    await assertUnused(made, name);
    await bringUpToDate(drizzle(made), schedule, { isRestore: true });
    const filled = await firstFilledTable(made);
    if (filled !== undefined) throw notEmpty(name, filled);
    // Committed ahead of the rows: a server that is started on what a killed restore left must not take it for empty.
    await made.query(`create table if not exists ${UNFINISHED_RESTORE} (id integer)`);
  });
  return {
    adapter: 'postgres',
    fill: async (rows, verify) => {
      try {
        await client.query('begin');
        await writeRows(client, rows);
        await verify(readRows(client, name));
        await client.query(`drop table ${UNFINISHED_RESTORE}`);
        await client.query('commit');
      } catch (error) {
        // Where the connection is gone, the transaction is gone with it.
        await client.query('rollback').catch(() => {});
        throw faultOf(error, targetOf(url));
      }
    },
    close: () => client.end(),
  };
}

/** A connection of one's own, whose statements may take as long as they need. */
async function connected(
  url: string,
  prepare: (client: pg.Client) => Promise<void>,
  options: Parameters<typeof prepareSession>[1] = {},
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: driverUrl(url),
    application_name: OWN_NAME,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  // What breaks the connection fails the statement under way too.
  client.on('error', () => {});
  try {
    await client.connect().catch((cause: unknown) => {
      throw new ConnectFault('A connection could not be had.', { cause });
    });
    await prepareSession(async (text) => (await client.query<Record<string, unknown>>(text)).rows, options);
    await client.query('set statement_timeout = 0; set idle_in_transaction_session_timeout = 0');
    await prepare(client);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw faultOf(error, targetOf(url));
  }
}

/** A server that has just ended is seen for a moment longer. */
async function assertUnused(client: pg.Client, name: string): Promise<void> {
  let users = await connectionsOfServers(client);
  for (let looks = 1; users.length > 0 && looks < USE_LOOKS; looks += 1) {
    await client.query(`select pg_sleep(${USE_PAUSE_S})`);
    users = await connectionsOfServers(client);
  }
  if (users.length === 0) return;
  throw new StorageFault(
    'unavailable',
    `${name} is in use by servers: connections ${users.join(', ')}. Stop every server on it, and run this again.`,
  );
}

/** @returns `['4 from 10.0.0.7']` */
async function connectionsOfServers(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ address: string | null; count: string }>(
    `select host(client_addr) as address, count(*) as count from pg_stat_activity
     where datname = current_database() and application_name = $1 group by client_addr`,
    [SERVER_NAME],
  );
  return rows.map(({ address, count }) => `${count} from ${address ?? 'this machine'}`);
}

async function assertCurrent(client: pg.Client, name: string): Promise<void> {
  const version = await versionOfTables(drizzle(client));
  if (version === 'current') return;
  throw new StorageFault(
    'unavailable',
    version === 'none'
      ? `${name} has no tables of Dimmer. Check the URL.`
      : `${name} is of ${version === 'older' ? 'an older' : 'a newer'} version of Dimmer. Use the dimmer command of that ` +
          'version, or bring one to the other: a server brings tables up to date when it starts.',
  );
}

function notEmpty(name: string, filled: string): StorageFault {
  return new StorageFault(
    'unavailable',
    `${name} is not empty: it has ${filled}. Nothing was written. Create another database, and give its URL.`,
  );
}

async function* withFaults<T>(url: string, rows: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* rows;
  } catch (error) {
    throw faultOf(error, targetOf(url));
  }
}
