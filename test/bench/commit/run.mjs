// Commits per second, and how long one takes, on SQLite and on PostgreSQL.
//
//   npm run bench:commit -- [--seconds 5] [--writers 16]
//
// One commit is one flag switched in one environment of a project with 200 flags, through the storage port: locks,
// planner, revision, rows, change, audit entry, hint, and the disk. Writers share one project, or have one each. Beside
// them the bare cost on the same PostgreSQL: BEGIN, UPDATE of one row, COMMIT, on as many connections.
//
// PostgreSQL is the one of DIMMER_TEST_POSTGRES_URL, or of this machine; a database is made there and dropped.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openPostgresStorage, openSqliteStorage, systemClock, systemSchedule } from '@dimmer/server';
import pg from 'pg';
import { createProject, switchFlag } from './drafts.mjs';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, writers: { type: 'string', default: '16' } },
});
const seconds = Number(values.seconds);
const writers = Number(values.writers);
const admin = process.env.DIMMER_TEST_POSTGRES_URL ?? 'postgres://root@127.0.0.1:5432/postgres';

const folder = mkdtempSync(join(tmpdir(), 'dimmer-bench-'));
const { url, drop } = await makeDatabase();
const sqlite = await openSqliteStorage({ path: join(folder, 'dimmer.db'), clock: systemClock });
const options = { url, connectionsMax: 2 * writers + 4, clock: systemClock, schedule: systemSchedule };
const postgres = await openPostgresStorage(options);
const second = await openPostgresStorage(options);
try {
  for (const storage of [sqlite, postgres]) {
    for (let project = 0; project < writers; project += 1) await createProject(storage, nameOf(project));
  }
  for (const [title, count, projectOf] of [
    ['1 writer', 1, () => nameOf(0)],
    [`${writers} writers, one project`, writers, () => nameOf(0)],
    [`${writers} writers, a project each`, writers, nameOf],
  ]) {
    console.log(title);
    const bare = await bareUpdates(count, projectOf === nameOf);
    print('bare BEGIN, UPDATE, COMMIT', bare);
    const commitOn = (storageOf) => (writer, turn) =>
      switchFlag(storageOf(writer), projectOf(writer), writer, turn);
    print(
      'SQLite',
      await measure(
        count,
        commitOn(() => sqlite),
      ),
      bare,
    );
    print(
      'PostgreSQL',
      await measure(
        count,
        commitOn(() => postgres),
      ),
      bare,
    );
    if (count > 1) {
      const either = (writer) => (writer % 2 === 0 ? postgres : second);
      print('PostgreSQL, two servers', await measure(count, commitOn(either)), bare);
    }
  }
} finally {
  await Promise.all([sqlite, postgres, second].map((storage) => storage.close()));
  await drop();
  rmSync(folder, { recursive: true });
}

/** Each writer begins its next turn when the last is done. The first tenth warms up and is not counted. */
async function measure(count, run) {
  const times = [];
  const start = performance.now();
  const from = start + (seconds * 1000) / 10;
  const until = start + seconds * 1000;
  await Promise.all(
    Array.from({ length: count }, async (_, writer) => {
      for (let turn = 0; performance.now() < until; turn += 1) {
        const began = performance.now();
        await run(writer, turn);
        if (began >= from) times.push(performance.now() - began);
      }
    }),
  );
  times.sort((left, right) => left - right);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { rate: times.length / (seconds * 0.9), p50: at(0.5), p99: at(0.99) };
}

async function bareUpdates(count, isRowEach) {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(url)));
  const result = await measure(count, async (writer, turn) => {
    const client = clients[writer];
    await client.query('begin');
    await client.query('update bare set n = $1 where id = $2', [turn, isRowEach ? writer : 0]);
    await client.query('commit');
  });
  await Promise.all(clients.map((client) => client.end()));
  return result;
}

function print(name, { rate, p50, p99 }, reference) {
  const ratio = reference === undefined ? '' : `   ratio ${(rate / reference.rate).toFixed(2)}`;
  const figures = `${rate.toFixed(0).padStart(6)} commits/s   p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms`;
  console.log(`  ${name.padEnd(28)}${figures}${ratio}`);
}

async function makeDatabase() {
  const name = `dimmer_bench_${randomBytes(6).toString('hex')}`;
  await onServer((client) => client.query(`create database ${name}`));
  const made = new URL(admin);
  made.pathname = `/${name}`;
  const client = await connect(made.href);
  await client.query('create table bare (id integer primary key, n integer)');
  await client.query('insert into bare select generate_series(0, $1::integer), 0', [writers]);
  await client.end();
  const drop = () => onServer((server) => server.query(`drop database ${name} with (force)`));
  return { url: made.href, drop };
}

async function onServer(work) {
  const client = await connect(admin);
  await work(client);
  await client.end();
}

async function connect(connectionString) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

function nameOf(project) {
  return `project-${project}`;
}
