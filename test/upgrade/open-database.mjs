// Opens a SQLite database as a server does, migrations and all, and closes it again: `node open-database.mjs <file> [n]`.
// Killed, as by `kill -9`, before the nth statement that migrates. Prints how many there were.
import { openSqliteStorage, systemClock } from '@dimmer/server';

const [path, killedBefore] = process.argv.slice(2);
/** Statements that change the file; what only asks or configures is none. */
const CHANGES = /^\s*(?:--.*\n\s*)*(create|alter|drop|insert|delete|update|commit)\b/i;
let statements = 0;

const storage = await openSqliteStorage({
  path,
  clock: systemClock,
  onStatement: (sql) => {
    if (!CHANGES.test(sql)) return;
    statements += 1;
    if (statements === Number(killedBefore)) process.kill(process.pid, 'SIGKILL');
  },
});
await storage.close();
console.log(statements);
