/**
 * Two servers on one PostgreSQL, beside one alone.
 *
 *   node test/bench/replicas/run.mjs
 *
 * First: how long a write through one server takes, from its answer, to SDKs of the other, with notifications of
 * PostgreSQL and without. Bars: p99 300 ms with, 1,300 ms without. Then: how long kills take while 1,000 SDKs a second
 * register with the other server, and without that. Bar: p99 250 ms. Every server is a process of its own; SDKs and
 * senders share this one. PostgreSQL is the one of `DIMMER_TEST_POSTGRES_URL`, or of this machine.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Dimmer } from '@dimmer/node';
import pg from 'pg';
import { ask, SERVER_KEY, startServer, stopServer } from '../server.mjs';

const SDKS = 20;
const WRITES = 60;
const HEARD_MS_MAX = 300;
const UNHEARD_MS_MAX = 1_300;
const REGISTERED = 1_000;
const FLOODS = 10;
const KILL_MS_MAX = 250;
const CONNECTIONS = 32;
const FLAG = '/api/v1/projects/default/environments/production/flags/checkout';
const ADMIN_URL = process.env.DIMMER_TEST_POSTGRES_URL ?? 'postgres://root@127.0.0.1:5432/postgres';

const name = `dimmer_bench_${randomBytes(6).toString('hex')}`;
const database = new URL(ADMIN_URL);
database.pathname = `/${name}`;
await statement(ADMIN_URL, `create database ${name}`);
try {
  const alone = await withServers(1, ([only]) => propagation(only, only));
  tell('write to SDKs of one server alone', alone);
  await withServers(2, async ([one, other]) => {
    tell('write to SDKs of another, notified', await propagation(one, other), {
      beside: alone,
      bar: HEARD_MS_MAX,
    });
    const quiet = await kills(one, () => pause(1_000));
    tell('kill, nobody registers', quiet);
    const flooded = await kills(one, (round) => register(other, round));
    tell(`kill, ${REGISTERED} SDKs register a second`, flooded, { beside: quiet, bar: KILL_MS_MAX });
    const { items } = await ask(one, 'GET', `${FLAG.replace('/flags/checkout', '')}/instances?limit=1`);
    if (items.length === 0) throw new Error('the other server knows none of them');
  });
  await statement(
    database.href,
    'create function public.pg_notify(text, text) returns void language sql as $$ $$',
  );
  await statement(database.href, `alter database ${name} set search_path = public, pg_catalog`);
  await withServers(2, async ([one, other]) =>
    tell('write to SDKs of another, not notified', await propagation(one, other), {
      beside: alone,
      bar: UNHEARD_MS_MAX,
    }),
  );
} finally {
  await statement(ADMIN_URL, `drop database if exists ${name} with (force)`);
}

async function withServers(count, work) {
  const settings = {
    DIMMER_DATABASE_URL: database.href,
    DIMMER_LOG_LEVEL: 'error',
    DIMMER_DRAIN_ACCEPT_MS: '0',
    DIMMER_DRAIN_SPREAD_MS: '0',
  };
  const servers = [];
  for (let index = 0; index < count; index += 1) servers.push(await startServer('', 0, { settings }));
  try {
    await ask(servers[0], 'POST', '/api/v1/projects/default/flags', { key: 'checkout' }).catch(
      () => undefined,
    );
    return await work(servers);
  } finally {
    await Promise.all(servers.map(stopServer));
  }
}

/** From the answer of a write through one server to each SDK of another, in milliseconds. */
async function propagation(writer, reader) {
  const url = `http://127.0.0.1:${reader.port}`;
  const sdks = Array.from({ length: SDKS }, () => new Dimmer({ url, key: SERVER_KEY, cache: false }));
  await Promise.all(sdks.map((sdk) => sdk.ready({ timeoutMs: 10_000 })));
  const times = [];
  for (let turn = 0; turn < WRITES; turn += 1) {
    // At every moment of the second in which a server looks for what nobody told it.
    await pause(50 + ((turn * 37) % 100));
    const targets = [{ variation: 'on', values: [`user-${performance.now()}`] }];
    const { revision } = await ask(writer, 'PATCH', FLAG, { targets });
    const at = performance.now();
    const waits = sdks.map((sdk) => sdk.waitForRevision(revision, { timeoutMs: 30_000 }));
    times.push(...(await Promise.all(waits.map((wait) => wait.then(() => performance.now() - at)))));
  }
  await Promise.all(sdks.map((sdk) => sdk.close()));
  return times;
}

/** How long kills take to be answered, in milliseconds, while something else goes on. */
async function kills(server, meanwhile) {
  const times = [];
  for (let round = 0; round < FLOODS; round += 1) {
    let isOver = false;
    const other = meanwhile(round).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const at = performance.now();
      await ask(server, 'POST', `${FLAG}/kill`, { reason: `kill ${at}` });
      times.push(performance.now() - at);
      await pause(20);
    }
    await other;
  }
  return times;
}

/** New SDKs tell a server of themselves and of what they applied, evenly over a second. */
async function register({ port }, round) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const startedAt = performance.now();
  const sent = [];
  for (let number = 0; number < REGISTERED; number += 1) {
    const dueMs = (number / REGISTERED) * 1_000 - (performance.now() - startedAt);
    if (dueMs > 1) await pause(dueMs);
    sent.push(report(agent, port, `sdk-${round}-${number}`));
  }
  const statuses = await Promise.all(sent);
  if (statuses.some((status) => status !== 202 && status !== 429)) throw new Error(`reports: ${statuses}`);
  agent.destroy();
}

function report(agent, port, id) {
  const body = JSON.stringify({
    instance: {
      id,
      sdk: { name: 'bench', version: '1' },
      application: { name: 'shop' },
      host: 'h',
      runningMs: 1,
    },
    status: { state: 'LIVE', mode: 'stream', epoch: 'e', revision: 1, ageMs: 0, clockOffsetMs: 0 },
    applied: [{ epoch: 'e', from: 0, revision: 1, agoMs: 3 }],
  });
  const headers = {
    authorization: `Bearer ${SERVER_KEY}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    request(
      { host: '127.0.0.1', port, method: 'POST', path: '/sdk/v1/report', headers, agent },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      },
    )
      .on('error', reject)
      .end(body);
  });
}

function tell(what, times, { beside, bar } = {}) {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(times, share));
  const ratio =
    beside === undefined ? '' : `, ${(p99 / quantile(beside, 0.99)).toFixed(1)} x p99 of the one beside`;
  const holds = bar === undefined || p99 <= bar;
  const judged = bar === undefined ? '' : holds ? `; bar ${bar} ms` : `; bar ${bar} ms   DOES NOT HOLD`;
  const figures = `p50 ${p50.toFixed(1)}   p99 ${p99.toFixed(1)}   max ${max.toFixed(1)} ms of ${times.length}`;
  console.log(`${what.padEnd(42)} ${figures}${ratio}${judged}`);
  if (!holds) process.exitCode = 1;
}

function quantile(times, share) {
  const sorted = [...times].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

async function statement(url, text) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
