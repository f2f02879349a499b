import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import type { Clock } from '../../platform/clock.ts';
import type { Schedule } from '../../platform/schedule.ts';
import { createCommitAnnouncer } from '../commit-announcer.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { Storage } from '../storage.ts';
import { StorageFault } from '../storage.ts';
import type { Availability } from './breaker.ts';
import { createBreaker } from './breaker.ts';
import type { Listening } from './commit-watch.ts';
import { CommitWatch } from './commit-watch.ts';
import type { Connections, Database } from './connections.ts';
import { LANES } from './connections.ts';
import { assertRestored, migrate, versionAgainst } from './migrate.ts';
import { readSteps } from './migration-steps.ts';
import { PgConnections, targetOf } from './pg-connections.ts';
import type { DatabaseTarget } from './postgres-fault.ts';
import { faultOf, isTrouble, nameOf, toldOf } from './postgres-fault.ts';
import { PostgresStorage } from './postgres-storage.ts';
import { readOnlyFault } from './session-settings.ts';

/** How many connections one server opens at most, unless it is told otherwise. */
const CONNECTIONS_MAX = 10;

/** PostgreSQL 13, as `server_version_num` has it. */
const VERSION_MIN = 130_000;

/** The same relative path from `src` and from `dist`. */
const migrationsFolder = fileURLToPath(new URL('../../../migrations/postgres', import.meta.url));

interface StorageOptions {
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Hears of rows that cannot be relied on. Default: nobody does. */
  readonly onDamage?: DamageListener;
  /** Hears of commit listeners that throw, and of looks that fail. Default: nobody does. */
  readonly onBackgroundError?: (error: unknown) => void;
  /** Hears when the database stops to answer, and when it answers again. Default: nobody does. */
  readonly onAvailability?: (availability: Availability) => void;
  /** Hears whether notifications of other servers arrive. Default: nobody does. */
  readonly onListening?: (listening: Listening) => void;
  /** Hears where the server forces nothing to its disk (`fsync = off`), when it is opened. Default: nobody does. */
  readonly onUnforced?: () => void;
  /** Whether to listen for notifications. Without, commits of others are found each second. For tests. Default: true. */
  readonly listens?: boolean;
  /** The folder of the migrations to bring the tables up to date with. For tests. Default: those of this version. */
  readonly migrationsFolder?: string;
}

export interface PostgresStorageOptions extends StorageOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** How many connections this server opens at most, 4 or more. Default: 10. */
  readonly connectionsMax?: number;
  /** Hears of every statement before it runs. One that it throws at fails. For tests. Default: nobody does. */
  readonly onStatement?: (sql: string) => void;
}

/**
 * Opens a PostgreSQL database: checks the server, brings the tables up to date, begins to listen.
 *
 * @throws StorageFault `unavailable` where it cannot be reached, entered or used; the message says what to do.
 * @example
 * const url = 'postgres://dimmer@127.0.0.1:5432/dimmer';
 * const storage = await openPostgresStorage({ url, clock: systemClock, schedule: systemSchedule });
 */
export async function openPostgresStorage(options: PostgresStorageOptions): Promise<Storage> {
  const { url, connectionsMax = CONNECTIONS_MAX, schedule, onStatement } = options;
  const target = targetOf(url);
  const connections = new PgConnections({
    url,
    connectionsMax,
    schedule,
    ...(onStatement && { onStatement }),
  });
  return openStorageOn(connections, target, options);
}

/** The same on connections that are there already, which become the storage's: a database inside the process. */
export async function openStorageOn(
  connections: Connections,
  target: DatabaseTarget,
  options: StorageOptions,
): Promise<Storage> {
  const { clock, schedule, listens = true } = options;
  const { onDamage = ignore, onBackgroundError = ignore } = options;
  const { onAvailability = ignore, onListening = ignore, onUnforced = ignore } = options;
  const announcer = createCommitAnnouncer(onBackgroundError);
  const breaker = createBreaker({ name: nameOf(target), isTrouble, toldOf, onChange: onAvailability });
  const onError = (cause: unknown): void => onBackgroundError(faultOf(cause, target));
  const watch = new CommitWatch({ connections, schedule, announcer, breaker, listens, onListening, onError });
  try {
    await connections.useLong((database) =>
      bringUpToDate(database, schedule, {
        ...(options.migrationsFolder && { folder: options.migrationsFolder }),
      }),
    );
    if (!(await connections.use('reads', forcesToDisk))) onUnforced();
    await watch.start();
    // The first connection of each lane is kept: it is there where PostgreSQL has no more of them later.
    for (const lane of LANES) await connections.use(lane, (database) => database.execute(sql`select 1`));
  } catch (error) {
    await watch.stop();
    await connections.close();
    throw faultOf(error, target);
  }
  return new PostgresStorage({ target, connections, breaker, watch, announcer, clock, onDamage });
}

/**
 * Checks the server, and brings the tables up to date.
 *
 * @param options.folder - Of the migrations. Default: those of this version.
 * @param options.isRestore - Whether it is opened to be filled: the mark of a restore that was not finished keeps
 *   everybody else out.
 */
export async function bringUpToDate(
  database: Database,
  schedule: Schedule,
  {
    folder = migrationsFolder,
    isRestore = false,
  }: { readonly folder?: string; readonly isRestore?: boolean },
): Promise<void> {
  await checkServer(database);
  if (!isRestore) await assertRestored(database);
  await migrate(database, readSteps(folder), schedule);
}

/** How the tables stand to those that this version knows. */
export function versionOfTables(database: Database): Promise<'none' | 'older' | 'current' | 'newer'> {
  return versionAgainst(database, readSteps(migrationsFolder));
}

/** What a server says of itself. */
interface ServerRow extends Record<string, unknown> {
  readonly number: number;
  readonly version: string;
  readonly encoding: string;
  readonly isReadOnly: boolean;
}

/** @throws StorageFault where this server cannot keep what Dimmer writes. */
async function checkServer(database: Database): Promise<void> {
  const { rows } = await database.execute<ServerRow>(sql`
    select current_setting('server_version_num')::int as number, current_setting('server_version') as version,
           current_setting('server_encoding') as encoding,
           current_setting('transaction_read_only')::boolean as "isReadOnly"`);
  const [server] = rows;
  if (server === undefined || server.number < VERSION_MIN) {
    throw new StorageFault(
      'unavailable',
      `It is PostgreSQL ${server?.version ?? 'of an unknown version'}. Dimmer needs 13 or later: upgrade it, or give ` +
        'another with DIMMER_DATABASE_URL.',
    );
  }
  if (server.encoding !== 'UTF8') {
    throw new StorageFault(
      'unavailable',
      `Its encoding is ${server.encoding}, and names of flags may be in any script. Create one with: createdb ` +
        '--encoding UTF8 --template template0',
    );
  }
  if (server.isReadOnly) throw readOnlyFault();
}

/** Whether what is committed reaches the disk at all: no session can change that. */
async function forcesToDisk(database: Database): Promise<boolean> {
  const { rows } = await database.execute<{ fsync: string }>(sql`select current_setting('fsync') as fsync`);
  return rows[0]?.fsync === 'on';
}

function ignore(): void {}
