// Opens a database as a server does, migrations and all, and closes it again: `node open-database.mjs <database> [n]
// [folder]`. Killed, as by `kill -9`, before the nth statement that migrates. Prints how many there were. The folder has
// other migrations for PostgreSQL than those of this build.
import { openPostgresStorage, openSqliteStorage, systemClock, systemSchedule } from '@dimmer/server';

const [database, killedBefore, migrationsFolder] = process.argv.slice(2);
/** Statements that change the database; what only asks or configures is none. */
const CHANGES = /^\s*(?:--.*\n\s*)*(create|alter|drop|insert|delete|update|commit)\b/i;
let statements = 0;

const options = {
  clock: systemClock,
  schedule: systemSchedule,
  onStatement: (sql) => {
    if (!CHANGES.test(sql)) return;
    statements += 1;
    if (statements === Number(killedBefore)) process.kill(process.pid, 'SIGKILL');
  },
};
const storage = database.startsWith('postgres:')
  ? await openPostgresStorage({ ...options, url: database, migrationsFolder })
  : await openSqliteStorage({ ...options, path: database });
await storage.close();
console.log(statements);
