import { systemClock } from '../../server/src/platform/clock.ts';
import { createLog } from '../../server/src/platform/log.ts';
import { systemSchedule } from '../../server/src/platform/schedule.ts';
import { startServer } from '../../server/src/process/start-server.ts';
import { describeFaults } from '../../server/src/settings/setting-table.ts';
import { parseSettings } from '../../server/src/settings/settings.ts';
import { isPostgresUrl } from '../../server/src/storage/database-url.ts';
import { openPostgresStorage } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { type Failpoints, openFailingStorage } from './failpoints.ts';

/**
 * `dimmer serve` on a storage that fails where it is told to. The shipped program has no such places.
 *
 * @param programArguments - The database file or `postgres://...`, and the failpoints to begin with as JSON; a message of the parent
 *   process replaces them, and is answered.
 */
export async function main([database = '', failpoints = '{}']: readonly string[]): Promise<void> {
  const parsed = parseSettings(process.env);
  if (!parsed.ok) throw new TypeError(describeFaults(parsed.faults));
  let armed = JSON.parse(failpoints) as Failpoints;
  process.on('message', (message) => {
    armed = message as Failpoints;
    process.send?.('armed');
  });
  const { settings } = parsed;
  const storage = await openFailingStorage({
    open: (onStatement) => open(database, onStatement),
    armed: () => armed,
  });
  const log = createLog(settings.logLevel, process.stderr);
  const server = await startServer({ settings, storage, log, version: 'failing' });
  process.once('SIGTERM', () => void server.drain().then(() => process.exit(0)));
}

function open(database: string, onStatement: (sql: string) => void): Promise<Storage> {
  const clock = systemClock;
  return isPostgresUrl(database)
    ? openPostgresStorage({ url: database, clock, schedule: systemSchedule, onStatement })
    : openSqliteStorage({ path: database, clock, onStatement });
}
