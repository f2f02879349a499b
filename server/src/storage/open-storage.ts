import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import type { Clock } from '../platform/clock.ts';
import { steadyClock, systemClock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { systemSchedule } from '../platform/schedule.ts';
import type { Settings } from '../settings/settings.ts';
import { DatabaseClock } from './database-clock.ts';
import { isPostgresUrl, sqlitePath } from './database-url.ts';
import { openPostgresStorage } from './postgres/open-postgres-storage.ts';
import { isPassing as isPassingOfPostgres } from './postgres/postgres-fault.ts';
import { openSqliteStorage } from './sqlite/open-sqlite-storage.ts';
import { isPassing as isPassingOfSqlite } from './sqlite/sqlite-fault.ts';
import type { Storage } from './storage.ts';

/** A storage, and the clock that goes with it. */
export interface OpenedStorage {
  readonly storage: Storage;
  /** That of the machine; where several servers share a database, that of the database. */
  readonly clock: Clock;
}

/**
 * Opens the storage that `DIMMER_DATABASE_URL` names.
 *
 * @throws StorageFault where it cannot be used; the message says what to do.
 * @example const { storage, clock } = await openStorage(settings, log, registry);
 */
export async function openStorage(
  settings: Pick<Settings, 'databaseUrl' | 'databaseConnectionsMax'>,
  log: Log,
  registry: Registry,
): Promise<OpenedStorage> {
  const { databaseUrl, databaseConnectionsMax } = settings;
  const common = {
    onDamage: (damage: object) =>
      log.error({ damage }, 'a row of the database cannot be relied on and is left out'),
    onBackgroundError: (err: unknown) => log.error({ err }, 'the storage met an error in the background'),
  };
  const listening = listeningGauge(registry);
  if (!isPostgresUrl(databaseUrl)) {
    listening.set(1);
    const path = sqlitePath(databaseUrl);
    return { storage: await openSqliteStorage({ ...common, path, clock: systemClock }), clock: systemClock };
  }
  const clock = new DatabaseClock(steadyClock, systemClock);
  const storage = await openPostgresStorage({
    ...common,
    clock,
    url: databaseUrl,
    connectionsMax: databaseConnectionsMax,
    schedule: systemSchedule,
    onAvailability: ({ isUp, cause }) => {
      if (isUp) log.info('the database answers again');
      else
        log.error(
          { err: cause },
          'the database does not answer: writes are refused, streams and evaluation go on',
        );
    },
    onUnforced: () =>
      log.warn(
        'PostgreSQL runs with fsync = off: a crash of its machine takes acknowledged writes, and may damage all of it. ' +
          'Set fsync = on in postgresql.conf, and reload it.',
      ),
    onListening: ({ isListening, cause }) => {
      listening.set(isListening ? 1 : 0);
      if (isListening) log.info('commits of other servers are heard');
      else log.warn({ err: cause }, 'commits of other servers are not heard, but looked for each second');
    },
  });
  await clock.setBy(storage).catch(async (cause: unknown) => {
    await storage.close();
    throw cause;
  });
  clock.follow(storage, systemSchedule);
  return { storage, clock };
}

/** Whether opening may go well by itself after a while: the database is away, and nobody has to correct anything. */
export function isPassingFault(cause: unknown, { databaseUrl }: Pick<Settings, 'databaseUrl'>): boolean {
  return isPostgresUrl(databaseUrl) ? isPassingOfPostgres(cause) : isPassingOfSqlite(cause);
}

function listeningGauge(registry: Registry): Gauge {
  const name = 'dimmer_database_listening';
  // A start that waits for its database is tried more than once.
  registry.removeSingleMetric(name);
  return new Gauge({
    name,
    help: '1 while commits of other servers are heard as they happen, and always with SQLite; 0 while they are looked for each second.',
    registers: [registry],
  });
}
