// One 1 KB flag change to many streams: Dimmer against a bare `node:http` loop, in alternating rounds.
//
//   pnpm exec tsc -b && node test/bench/fan-out/run.mjs [--streams 10000] [--rounds 9]
//
// Bars (DESIGN, promises): p99 at most 1.5 times the bare loop's; at most 16 KB of memory per idle stream.
// Dimmer's time counts from the commit, which is before the REST answer; the loop's from its first write. Both
// end when a receiver has the bytes. All processes share one machine and its monotonic clock.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const RECEIVERS = 3;
const RATIO_MAX = 1.5;
const IDLE_STREAM_KB_MAX = 16;
const SETTLE_MS = 3_000;
const PAUSE_MS = 300;
/** Makes a definition of about 1 KB. */
const SUBJECT = 'x'.repeat(650);
const ADMIN_KEY = `dim_adm_${'a'.repeat(32)}`;
const SERVER_KEY = `dim_srv_${'s'.repeat(32)}`;
const PROJECT = '/api/v1/projects/default';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '9' } },
});
const streams = Number(values.streams);
const rounds = Number(values.rounds);

const children = [];
const receivers = Array.from({ length: RECEIVERS }, () => start('receivers.mjs'));
const dimmer = await startServer('dimmer-server.mjs', '/sdk/v1/stream');
const bare = await startServer('bare-server.mjs', '/');
await rest('POST', '/flags', { key: 'checkout-v2', type: 'boolean' });
await changeFlag(0);

const idleKilobytes = { bare: await openAll('bare', bare), dimmer: await openAll('dimmer', dimmer) };
const times = { bare: [], dimmer: [] };
let bytes = '';
for (let round = 0; round <= rounds; round += 1) {
  const revision = await nextRevision();
  const fromCommit = await measure('dimmer', dimmer, revision, () => changeFlag(revision));
  bytes = await bytesOf(revision);
  const fromLoop = await measure('bare', bare, revision, () =>
    bare.child.send({ type: 'send', text: bytes }),
  );
  // The first round warms both up.
  if (round === 0) continue;
  times.dimmer.push(fromCommit);
  times.bare.push(fromLoop);
}
report();
for (const child of children) child.send({ type: 'close' });

function report() {
  const row = (name) => {
    const at = (share) => median(times[name].map((round) => quantile(round, share)));
    return { p50: at(0.5), p99: at(0.99), idle: idleKilobytes[name] };
  };
  const rows = { dimmer: row('dimmer'), bare: row('bare') };
  console.log(`${bytes.length} bytes to ${streams} streams, medians of ${rounds} rounds`);
  for (const [name, { p50, p99, idle }] of Object.entries(rows)) {
    const figures = [
      `p50 ${p50.toFixed(0)} ms`,
      `p99 ${p99.toFixed(0)} ms`,
      `${idle.toFixed(1)} KB per idle stream`,
    ];
    console.log(`${name.padEnd(8)}${figures.join('   ')}`);
  }
  verdict('ratio of p99', rows.dimmer.p99 / rows.bare.p99, RATIO_MAX);
  verdict('KB per idle stream', rows.dimmer.idle, IDLE_STREAM_KB_MAX);
}

function verdict(name, figure, maximum) {
  const holds = figure <= maximum;
  console.log(`${name}: ${figure.toFixed(2)} (at most ${maximum}) ${holds ? 'holds' : 'DOES NOT HOLD'}`);
  if (!holds) process.exitCode = 1;
}

/** @returns How much memory each stream added, in KB. */
async function openAll(group, { child, port, path }) {
  const before = await ask(child, { type: 'memory' });
  const request = `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${SERVER_KEY}\r\n\r\n`;
  const share = Math.ceil(streams / RECEIVERS);
  await Promise.all(
    receivers.map((receiver, index) => {
      const count = Math.min(share, streams - index * share);
      const from = `127.0.0.${index + 2}`;
      return ask(receiver, { type: 'open', group, port, request, count, from }, 'opened');
    }),
  );
  await pause(SETTLE_MS);
  const after = await ask(child, { type: 'memory' });
  return (after.rss - before.rss) / 1024 / streams;
}

/** @returns For every stream, the milliseconds until it had the revision. */
async function measure(group, { child }, revision, send) {
  await Promise.all(
    receivers.map((receiver) => ask(receiver, { type: 'expect', group, revision }, 'expecting')),
  );
  await pause(PAUSE_MS);
  const arrivals = receivers.map((receiver) => answer(receiver, 'received'));
  const sent = answer(child, 'sent');
  await send();
  const { startedAt } = await sent;
  const received = (await Promise.all(arrivals)).flatMap((part) => part.arrivals);
  return received.map((at) => (at - startedAt) / 1e6);
}

function changeFlag(revision) {
  return rest('PATCH', '/environments/production/flags/checkout-v2', {
    enabled: revision % 2 === 0,
    targets: [{ variation: 'on', values: [`${SUBJECT}-${revision}`] }],
  });
}

async function nextRevision() {
  return (await rest('GET', '/environments/production')).revision + 1;
}

async function rest(method, path, body) {
  const response = await fetch(`http://127.0.0.1:${dimmer.port}${PROJECT}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
}

/** What Dimmer sends to a stream for a revision. */
async function bytesOf(revision) {
  const { epoch } = await rest('GET', '/environments/production');
  const url = `http://127.0.0.1:${dimmer.port}${dimmer.path}?since=${epoch}:${revision - 1}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${SERVER_KEY}` } });
  const reader = response.body.getReader();
  let seen = '';
  while (!/event: commit\n.*\n\n$/.test(seen)) seen += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  return seen.slice(seen.indexOf('\n\n') + 2);
}

function start(file) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const keys = { DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN_KEY, DIMMER_BOOTSTRAP_SERVER_KEY: SERVER_KEY };
  const child = fork(path, { execArgv: ['--expose-gc'], env: { ...process.env, ...keys } });
  children.push(child);
  child.on('exit', (code) => {
    if (code !== 0) throw new Error(`${file} ended with ${code}`);
  });
  return child;
}

async function startServer(file, path) {
  const child = start(file);
  const { port } = await answer(child, 'listening');
  return { child, port, path };
}

function ask(child, message, answerType = message.type) {
  const answered = answer(child, answerType);
  child.send(message);
  return answered;
}

function answer(child, type) {
  return new Promise((resolve) => {
    const listen = (message) => {
      if (message.type !== type) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
}

function pause(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

function quantile(times, share) {
  const sorted = times.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function median(figures) {
  return quantile(figures, 0.5);
}
