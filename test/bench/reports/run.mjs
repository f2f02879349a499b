import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY, databaseFile, SERVER_KEY, startServer, stopServer, untilReady } from '../server.mjs';

/**
 * How long kills, writes and probes take while reports come in faster than the server can take them: first without
 * reports, then under them. `npm run bench:reports [-- seconds]`
 *
 * Bar: p99 of each at most 250 ms. The server's capacity is what it answers with 202; 64 senders that never wait
 * offer several times that, and what is too much gets 429.
 */
const P99_MS_MAX = 250;
const SECONDS = Number(process.argv[2] ?? 10);
const SENDERS = 64;
const EXPOSURES = 500;
const FLAG = '/api/v1/projects/default/environments/production/flags/checkout';

const server = await startServer(databaseFile(), 0, { settings: { DIMMER_LOG_LEVEL: 'error' } });
try {
  await untilReady(server);
  await ask('POST', '/api/v1/projects/default/flags', { key: 'checkout' }, ADMIN_KEY);
  await compare('alone', SECONDS / 2);
  const load = { isOver: false, statuses: new Map() };
  const senders = Array.from({ length: SENDERS }, (_, index) => sendReports(load, index));
  await sleep(1_000);
  await compare('under reports', SECONDS);
  load.isOver = true;
  await Promise.all(senders);
  const perSecond = [...load.statuses].map(
    ([status, count]) => `${status}: ${Math.round(count / (SECONDS + 1))}/s`,
  );
  console.log(`reports of ${EXPOSURES} exposures, answered `, perSecond.join(', '));
} finally {
  await stopServer(server);
}

/** Kills, writes and probes in turn, so that each meets the same load. */
async function compare(name, seconds) {
  const requests = {
    kill: (turn) => ask('POST', `${FLAG}/kill`, { reason: `kill ${turn}` }, ADMIN_KEY),
    write: (turn) =>
      ask('PATCH', FLAG, { targets: [{ variation: 'on', values: [`user-${turn}`] }] }, ADMIN_KEY),
    '/livez': () => ask('GET', '/livez', undefined, ADMIN_KEY),
    '/readyz': () => ask('GET', '/readyz', undefined, ADMIN_KEY),
  };
  const times = Object.fromEntries(Object.keys(requests).map((request) => [request, []]));
  const end = performance.now() + seconds * 1000;
  for (let turn = 0; performance.now() < end; turn += 1) {
    for (const [request, send] of Object.entries(requests)) {
      const at = performance.now();
      const status = await send(turn);
      if (status !== 200) throw new Error(`${request}: ${status}`);
      times[request].push(performance.now() - at);
      await sleep(5);
    }
  }
  for (const [request, figures] of Object.entries(times)) {
    const sorted = figures.sort((one, other) => one - other);
    const holds = sorted[Math.floor(0.99 * sorted.length)] <= P99_MS_MAX;
    console.log(`${request} ${name}`.padEnd(24), `${line(sorted)}${holds ? '' : '   DOES NOT HOLD'}`);
    if (!holds) process.exitCode = 1;
  }
}

async function sendReports(load, sender) {
  const agent = new Agent({ keepAlive: true });
  for (let round = 0; !load.isOver; round += 1) {
    const status = await ask('POST', '/sdk/v1/report', reportOf(sender, round), SERVER_KEY, agent);
    load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
  }
  agent.destroy();
}

function reportOf(sender, round) {
  const exposures = Array.from({ length: EXPOSURES }, (_, index) => ({
    flag: `flag-${index}`,
    variation: 'on',
    reason: 'SPLIT',
    revision: 1,
    fallback: false,
    count: 1 + round,
  }));
  return {
    instance: { id: `sender-${sender}`, sdk: { name: 'bench', version: '1' }, runningMs: 1 },
    status: { state: 'LIVE', mode: 'stream', epoch: 'e', revision: 1, ageMs: 0, clockOffsetMs: 0 },
    applied: [],
    batch: { id: `${sender}-${round}`, exposures, events: [], dropped: { exposures: 0, events: 0 } },
  };
}

function ask(method, path, json, key, agent) {
  const body = json === undefined ? '' : JSON.stringify(json);
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, method, path, headers, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end(body);
  });
}

function line(times) {
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms of ${times.length}`;
}
