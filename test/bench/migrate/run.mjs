// How long the first start of this version takes on a SQLite file of an earlier one with a long history.
//
//   npm run bench:migrate -- [--changes 200000] [--rounds 3] [--from 39682ba]
//
// A recorded build makes the file, and one change of a flag; that change, with its object and its entry of the audit log,
// is then repeated. Timed from the start of the process to `/readyz` 200: the start that migrates, and the next one, which
// checks and reads the same file and migrates nothing. No bar: it is for whoever plans an upgrade.
import { copyFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { ask, databaseFile, startServer, stopServer, untilReady } from '../server.mjs';

const PRODUCTION = '/api/v1/projects/default/environments/production';

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
    from: { type: 'string', default: '39682ba' },
  },
});
const changes = Number(values.changes);
const command = fileURLToPath(new URL(`../../upgrade/recorded/${values.from}/server.mjs`, import.meta.url));

const file = databaseFile();
await makeFile();
repeatLastChange();
console.log(`${changes} changes of one flag, a file of ${megabytes(file)} MB of build ${values.from}`);
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const copy = `${file}-${round}`;
  copyFileSync(file, copy);
  const migrating = await startOnce(copy);
  const after = megabytes(copy);
  const next = await startOnce(copy);
  console.log(
    `ready after ${migrating.seconds.toFixed(1)} s with the migration, ${next.seconds.toFixed(1)} s without; ` +
      `its log was ${migrating.logMb} MB, the file is ${after} MB then`,
  );
}

async function makeFile() {
  const server = await startServer(file, 0, { command });
  try {
    await untilReady(server);
    await ask(server, 'POST', '/api/v1/projects/default/flags', { key: 'checkout' });
    const targets = [{ variation: 'on', values: ['user-1'] }];
    await ask(server, 'PATCH', `${PRODUCTION}/flags/checkout`, { targets });
  } finally {
    await stopServer(server);
  }
}

/** Straight into the tables: through the server it would take minutes, and be the same rows. */
function repeatLastChange() {
  const database = new Database(file);
  const { environment, revision } = database
    .prepare('SELECT environment, max(revision) AS revision FROM changes GROUP BY environment')
    .get();
  const counted = `WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < ${changes})`;
  const last = `WHERE environment = ${environment} AND revision = ${revision}`;
  database.exec(`BEGIN;
    ${counted} INSERT INTO changes
      SELECT environment, revision + k, at + k, actor_id, actor_name, action, reason, kill FROM n, changes ${last};
    ${counted} INSERT INTO changed_objects
      SELECT environment, revision + k, position, kind, key, before, after, definition FROM n, changed_objects ${last};
    ${counted} INSERT INTO audit (at, actor_id, actor_name, action, subject, project, reason, details, revisions)
      SELECT at + k, actor_id, actor_name, action, subject, project, reason, details, revisions FROM n,
        (SELECT * FROM audit ORDER BY id DESC LIMIT 1);
    UPDATE environments SET revision = ${revision + changes} WHERE id = ${environment};
    COMMIT`);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

async function startOnce(path) {
  const started = performance.now();
  const server = await startServer(path);
  await untilReady(server);
  const seconds = (performance.now() - started) / 1_000;
  const logMb = megabytes(`${path}-wal`);
  await stopServer(server);
  return { seconds, logMb };
}

function megabytes(path) {
  return Math.round(statSync(path).size / 1e6);
}
