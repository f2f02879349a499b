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
  if (!isPostgresUrl(databaseUrl)) {
    return openSqliteStorage({ ...common, path: databaseUrl.replace(/^file:(\/\/)?/, '') });
  }
  return openPostgresStorage({
    ...common,
    ...hearing(log, registry),
    url: databaseUrl,
    connectionsMax: databaseConnectionsMax,
    schedule: systemSchedule,
  });
}

/** What a server tells of its PostgreSQL: in the log when it changes, in metrics at any time. */
function hearing(log: Log, registry: Registry) {
  const up = gauge(registry, 'dimmer_database_up', '1 while the database answers.');
  const listening = gauge(
    registry,
    'dimmer_database_listening',
    '1 while notifications of other servers arrive. At 0 their changes are found within a second or two.',
  );
  up.set(1);
  return {
    onAvailability: ({ isUp, cause }: { readonly isUp: boolean; readonly cause?: unknown }): void => {
      up.set(isUp ? 1 : 0);
      if (isUp) log.info('the database answers again');
      else
        log.error(
          { err: cause },
          'the database does not answer: writes are refused, streams and evaluation go on',
        );
    },
    onListening: ({
      isListening,
      cause,
    }: {
      readonly isListening: boolean;
      readonly cause?: unknown;
    }): void => {
      listening.set(isListening ? 1 : 0);
      if (isListening) log.info('notifications of other servers arrive');
      else
        log.warn(
          { err: cause },
          'notifications of other servers do not arrive: each second is looked instead',
        );
    },
  };
}

function gauge(registry: Registry, name: string, help: string): Gauge {
  return new Gauge({ name, help, registers: [registry] });
}
