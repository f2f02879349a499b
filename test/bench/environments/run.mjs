/**
 * A server with many environments that nobody asks for, on PostgreSQL.
 *
 *   node test/bench/environments/run.mjs [--environments 200] [--flags 20] [--seconds 20] [--ask]
 *
 * How long it takes from the start of the process to ready, and how long `/livez` takes meanwhile; then, while nothing
 * happens, what a second costs: transactions of PostgreSQL, which are statements here, and time of a core. Bars: p99 of
 * `/livez` 250 ms; 25 transactions a second, of
 * which a server without any environment has most. PostgreSQL is the one of `DIMMER_TEST_POSTGRES_URL`, or of this machine.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { ask, rest, startServer, stopServer, untilReady } from '../server.mjs';

const LIVE_MS_MAX = 250;
const TRANSACTIONS_MAX = 25;
const PER_PROJECT = 10;
/** What a start does once is over by then: history is pruned, and kills that expire are looked for, in each environment. */
const ONCE_MS = 15_000;
const TICKS_A_SECOND = 100;
const ADMIN_URL = process.env.DIMMER_TEST_POSTGRES_URL ?? 'postgres://root@127.0.0.1:5432/postgres';

const { values } = parseArgs({
  options: {
    environments: { type: 'string', default: '200' },
    flags: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '20' },
    /** Each environment is asked for once before it is measured what it costs that they rest. */
    ask: { type: 'boolean', default: false },
  },
});
const count = Number(values.environments);
const seconds = Number(values.seconds);

const secrets = [];
const name = `dimmer_bench_${randomBytes(6).toString('hex')}`;
const database = new URL(ADMIN_URL);
database.pathname = `/${name}`;
await statement(ADMIN_URL, `create database ${name}`);
try {
  await withServer(fill);
  await withServer(async (server, startedAt) => {
    const lives = [];
    let isReady = false;
    const asking = (async () => {
      while (!isReady) {
        const askedAt = performance.now();
        await (await rest(server, 'GET', '/livez')).arrayBuffer();
        lives.push(performance.now() - askedAt);
        await pause(5);
      }
    })();
    await untilReady(server);
    isReady = true;
    console.log(
      `ready ${((performance.now() - startedAt) / 1000).toFixed(2)} s after the start of the process`,
    );
    await asking;
    verdict('/livez until then, p99', quantile(lives, 0.99), LIVE_MS_MAX, 'ms');
    if (values.ask) await askForEach(server);
    const followed = await followedBy(server);
    console.log(`${followed} of ${count} environments are followed`);
    await pause(ONCE_MS);
    const [before, busyBefore] = [await transactions(), await busySeconds(server)];
    await pause(seconds * 1_000);
    const [after, busyAfter] = [await transactions(), await busySeconds(server)];
    // The question itself is one of them.
    verdict('transactions a second', (after - before - 1) / seconds, TRANSACTIONS_MAX, '');
    console.log(`${(((busyAfter - busyBefore) / seconds) * 100).toFixed(1)} % of a core`);
    console.log(`${(await residentMb(server)).toFixed(0)} MB resident`);
  });
} finally {
  await statement(ADMIN_URL, `drop database if exists ${name} with (force)`);
}

/** Projects of ten environments, each with a key and the same flags. */
async function fill(server) {
  const flags = Array.from({ length: Number(values.flags) }, (_, index) => ({
    edit: 'createFlag',
    flag: { key: `flag-${index}`, type: 'boolean', metadata: { note: 'x'.repeat(650) } },
  }));
  for (let made = 0; made < count; made += PER_PROJECT) {
    const project = `/api/v1/projects/bench-${made}`;
    await ask(server, 'POST', '/api/v1/projects', { key: `bench-${made}` });
    await ask(server, 'POST', `${project}/environments/production/changes`, { edits: flags });
    for (let index = 0; index < Math.min(PER_PROJECT, count - made); index += 1) {
      const key = `preview-${index}`;
      await ask(server, 'POST', `${project}/environments`, { key, copyFrom: 'production' });
      const keys = `${project}/environments/${key}/keys`;
      secrets.push((await ask(server, 'POST', keys, { kind: 'server', name: 'bench' })).secret);
    }
  }
}

async function askForEach({ port }) {
  for (const secret of secrets) {
    const headers = { authorization: `Bearer ${secret}` };
    await (await fetch(`http://127.0.0.1:${port}/sdk/v1/snapshot`, { headers })).arrayBuffer();
  }
}

/** How many of the environments that were filled a server follows. */
async function followedBy(server) {
  const metrics = await (await rest(server, 'GET', '/metrics')).text();
  return metrics.split('\n').filter((line) => /^dimmer_environment_revision\{project="bench-/.test(line))
    .length;
}

async function withServer(work) {
  const settings = {
    DIMMER_DATABASE_URL: database.href,
    DIMMER_LOG_LEVEL: 'error',
    DIMMER_DRAIN_ACCEPT_MS: '0',
    DIMMER_DRAIN_SPREAD_MS: '0',
  };
  const startedAt = performance.now();
  const server = await startServer('', 0, { settings });
  try {
    await work(server, startedAt);
  } finally {
    await stopServer(server);
  }
}

async function transactions() {
  const [row] = await statement(
    ADMIN_URL,
    `select xact_commit::int as n from pg_stat_database where datname = '${name}'`,
  );
  return row.n;
}

/** What the process has had of cores, in seconds. */
async function busySeconds({ child }) {
  const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

async function residentMb({ child }) {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
}

async function statement(url, text) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

function quantile(figures, share) {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length * share)] ?? 0;
}

function verdict(what, figure, most, unit) {
  const holds = figure <= most;
  console.log(`${what}: ${figure.toFixed(1)} ${unit} (at most ${most}) ${holds ? 'holds' : 'DOES NOT HOLD'}`);
  if (!holds) process.exitCode = 1;
}
