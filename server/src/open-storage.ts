import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import { isPostgresUrl } from './database-url.ts';
import { systemClock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import { systemSchedule } from './platform/schedule.ts';
import type { Settings } from './settings.ts';
import { openPostgresStorage } from './storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from './storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from './storage/storage.ts';

/**
 * Opens the storage that `DIMMER_DATABASE_URL` names.
 *
 * @throws StorageFault where it cannot be used; the message says what to do.
 * @example const storage = await openStorage(settings, log, registry);
 */
export function openStorage(
  settings: Pick<Settings, 'databaseUrl' | 'databaseConnectionsMax'>,
  log: Log,
  registry: Registry,
): Promise<Storage> {
  const { databaseUrl, databaseConnectionsMax } = settings;
  const common = {
    clock: systemClock,
    onDamage: (damage: object) =>
      log.error({ damage }, 'a row of the database cannot be relied on and is left out'),
    onBackgroundError: (err: unknown) => log.error({ err }, 'the storage met an error in the background'),
  };
  const listening = listeningGauge(registry);
  if (!isPostgresUrl(databaseUrl)) {
    listening.set(1);
    return openSqliteStorage({ ...common, path: databaseUrl.replace(/^file:(\/\/)?/, '') });
  }
  return openPostgresStorage({
    ...common,
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
    onListening: ({ isListening, cause }) => {
      listening.set(isListening ? 1 : 0);
      if (isListening) log.info('commits of other servers are heard');
      else log.warn({ err: cause }, 'commits of other servers are not heard, but looked for each second');
    },
  });
}

function listeningGauge(registry: Registry): Gauge {
  return new Gauge({
    name: 'dimmer_database_listening',
    help: '1 while commits of other servers are heard as they happen, and always with SQLite; 0 while they are looked for each second.',
    registers: [registry],
  });
}
