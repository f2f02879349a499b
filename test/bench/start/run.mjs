// Server start with many flags: from the start of the process to `/readyz` 200.
//
//   pnpm exec tsc -b && node test/bench/start/run.mjs [--flags 5000] [--rounds 5]
//
// Bar (DESIGN, promises): ready within 3 s with 5,000 flags. Beside it a reference: a bare Node process that opens
// the same file and reads every row. "First stream" goes on until an SDK has the whole environment.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const READY_SECONDS_MAX = 3;
const FLAGS_PER_REQUEST = 500;
const ASK_EVERY_MS = 5;
const ADMIN_KEY = `dim_adm_${'a'.repeat(32)}`;
const SERVER_KEY = `dim_srv_${'s'.repeat(32)}`;
const DIMMER = fileURLToPath(new URL('../../../server/bin/dimmer.js', import.meta.url));
const REFERENCE = fileURLToPath(new URL('reference.mjs', import.meta.url));

const { values } = parseArgs({
  options: { flags: { type: 'string', default: '5000' }, rounds: { type: 'string', default: '5' } },
});
const flags = Number(values.flags);
const rounds = Number(values.rounds);
const directory = mkdtempSync(join(tmpdir(), 'dimmer-start-'));
const file = join(directory, 'dimmer.db');

try {
  await fill();
  const ready = [];
  const streamed = [];
  const reference = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const times = await startOnce();
    ready.push(times.ready);
    streamed.push(times.streamed);
    bytes = times.bytes;
    reference.push(await readOnce());
  }
  report({ ready, streamed, reference, bytes });
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function report({ ready, streamed, reference, bytes }) {
  console.log(`${flags} flags, medians of ${rounds} rounds`);
  console.log(`ready         ${median(ready).toFixed(2)} s`);
  console.log(`first stream  ${median(streamed).toFixed(2)} s (${(bytes / 1e6).toFixed(1)} MB)`);
  console.log(`reference     ${median(reference).toFixed(2)} s (bare Node: open, read every row)`);
  const worst = Math.max(...streamed);
  const holds = worst <= READY_SECONDS_MAX;
  console.log(
    `slowest: ${worst.toFixed(2)} s (at most ${READY_SECONDS_MAX}) ${holds ? 'holds' : 'DOES NOT HOLD'}`,
  );
  if (!holds) process.exitCode = 1;
}

/** Makes the database: flags of about 1 KB each, through REST. */
async function fill() {
  const server = await serve();
  for (let from = 0; from < flags; from += FLAGS_PER_REQUEST) {
    const count = Math.min(FLAGS_PER_REQUEST, flags - from);
    const edits = Array.from({ length: count }, (_, index) => ({
      edit: 'createFlag',
      flag: { key: `flag-${from + index}`, type: 'boolean', metadata: { note: 'x'.repeat(650) } },
    }));
    await rest(server, 'POST', '/api/v1/projects/default/environments/production/changes', { edits });
  }
  await stop(server);
}

async function startOnce() {
  const startedAt = performance.now();
  const server = await serve();
  const ready = secondsSince(startedAt);
  const answer = await fetch(`${server.url}/sdk/v1/stream`, {
    headers: { authorization: `Bearer ${SERVER_KEY}` },
  });
  const reader = answer.body.getReader();
  let tail = '';
  let bytes = 0;
  while (!tail.includes('event: commit')) {
    const { value } = await reader.read();
    bytes += value.length;
    tail = tail.slice(-64) + Buffer.from(value).toString('latin1');
  }
  const streamed = secondsSince(startedAt);
  await reader.cancel();
  await stop(server);
  return { ready, streamed, bytes };
}

/** Starts the server and waits until it is ready. */
async function serve() {
  const port = await freePort();
  const child = spawn(process.execPath, [DIMMER, 'serve'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DIMMER_PORT: String(port),
      DIMMER_DATABASE_URL: `file:${file}`,
      DIMMER_LOG_LEVEL: 'warn',
      DIMMER_DRAIN_ACCEPT_MS: '0',
      DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
      DIMMER_BOOTSTRAP_SERVER_KEY: SERVER_KEY,
    },
  });
  const server = { child, url: `http://127.0.0.1:${port}` };
  while (!(await isReady(server))) await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  return server;
}

async function isReady({ child, url }) {
  if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
  return fetch(`${url}/readyz`).then(
    (answer) => answer.status === 200,
    () => false,
  );
}

function readOnce() {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [REFERENCE, file], { stdio: 'inherit' });
  return ended(child).then(() => secondsSince(startedAt));
}

async function stop({ child }) {
  const over = ended(child);
  child.kill('SIGTERM');
  await over;
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a process ended with ${code}`))));
  });
}

async function rest({ url }, method, path, body) {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function secondsSince(start) {
  return (performance.now() - start) / 1000;
}

function median(figures) {
  return figures.toSorted((left, right) => left - right)[Math.floor(figures.length / 2)];
}
