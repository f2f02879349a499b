import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask, databaseFile, SERVER_KEY, startServer, stopServer, untilReady } from '../server.mjs';

/**
 * Single evaluations through OFREP beside a bare route of the same framework that parses and answers the same
 * JSON: rounds of the two take turns, and the median ratio counts. What is compared is requests per second of the
 * server's own processor time, as Linux counts it: on a shared machine the time on the wall says who else was there.
 * `npm run bench:ofrep [-- seconds per round]`
 */
const SECONDS = Number(process.argv[2] ?? 2);
const ROUNDS = 9;
const CONNECTIONS = 32;
const RATIO_MIN = 0.7;
const REFERENCE = fileURLToPath(new URL('./reference.mjs', import.meta.url));
const CONFIGURATION = '/api/v1/projects/default/environments/production/flags/checkout';
const BODY = '{"context":{"targetingKey":"user-1","email":"user@example.com","plan":"pro","country":"NO"}}';
const ANSWER = '{"key":"checkout","value":true,"variant":"on","reason":"TARGETING_MATCH"}';

const reference = spawn(process.execPath, [REFERENCE], { stdio: ['ignore', 'pipe', 'inherit'] });
const referencePort = Number(String(await once(reference.stdout, 'data')));
// As in production: every request is logged, here to nowhere.
const server = await startServer(databaseFile(), 0, {
  settings: { DIMMER_LOG_LEVEL: 'info' },
  stderr: 'ignore',
});
try {
  await untilReady(server);
  await ask(server, 'POST', '/api/v1/projects/default/flags', { key: 'checkout' });
  await ask(server, 'PATCH', CONFIGURATION, {
    enabled: true,
    rules: [
      { id: 'pro', when: { attribute: 'plan', op: 'in', values: ['pro'] }, serve: { variation: 'on' } },
    ],
  });
  const [ofrep, route] = [
    { port: server.port, pid: server.child.pid },
    { port: referencePort, pid: reference.pid },
  ];
  for (const target of [ofrep, route]) await check(target.port);
  for (const target of [ofrep, route]) await rateOf(target);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [ours, bare] = [await rateOf(ofrep), await rateOf(route)];
    rounds.push({ ours, bare, ratio: ours / bare });
  }
  rounds.sort((one, other) => one.ratio - other.ratio);
  const { ours, bare, ratio } = rounds[Math.floor(ROUNDS / 2)];
  const line = `OFREP ${Math.round(ours)}, bare route ${Math.round(bare)} requests per processor second`;
  const spread = `${rounds[0].ratio.toFixed(2)} to ${rounds.at(-1).ratio.toFixed(2)}`;
  console.log(
    `${line}: ${ratio.toFixed(2)}x (${spread} over ${ROUNDS} rounds of ${SECONDS} s, at least ${RATIO_MIN})`,
  );
  if (ratio < RATIO_MIN) process.exitCode = 1;
} finally {
  reference.kill();
  await stopServer(server);
}

/** Requests answered per second of processor time, over connections that each have one under way. */
async function rateOf(target) {
  const state = { answered: 0, isOver: false };
  const before = processorSeconds(target.pid);
  const drivers = Array.from({ length: CONNECTIONS }, () => drive(target.port, state));
  await sleep(SECONDS * 1_000);
  state.isOver = true;
  await Promise.all(drivers);
  return state.answered / (processorSeconds(target.pid) - before);
}

/** User and system time of a process; Linux counts it in hundredths of a second. */
function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** One connection: a raw socket costs the machine far less than an HTTP client, so the servers are what is measured. */
function drive(target, state) {
  const bytes = Buffer.from(requestText(target));
  return new Promise((resolve, reject) => {
    const socket = connect(target, '127.0.0.1', () => socket.write(bytes));
    socket.setNoDelay(true).on('error', reject).on('close', resolve);
    let text = '';
    socket.on('data', (part) => {
      text += part.latin1Slice();
      if (!text.endsWith('}')) return;
      if (!text.startsWith('HTTP/1.1 200')) socket.destroy(new Error(text));
      text = '';
      state.answered += 1;
      if (state.isOver) socket.destroy();
      else socket.write(bytes);
    });
  });
}

function requestText(target) {
  return [
    'POST /ofrep/v1/evaluate/flags/checkout HTTP/1.1',
    `host: 127.0.0.1:${target}`,
    `authorization: Bearer ${SERVER_KEY}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(BODY)}`,
    '',
    BODY,
  ].join('\r\n');
}

async function check(target) {
  const response = await fetch(`http://127.0.0.1:${target}/ofrep/v1/evaluate/flags/checkout`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SERVER_KEY}`, 'content-type': 'application/json' },
    body: BODY,
  });
  const text = await response.text();
  if (text !== ANSWER) throw new Error(`port ${target} answers ${response.status} ${text}`);
}
