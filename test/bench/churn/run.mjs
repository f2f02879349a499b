// Streams that come and go: is anything of them left behind?
//
//   npm run bench:churn [-- --connects 20000]
//
// Bar: memory after garbage collection grows by at most 5 MB over the run, and no stream is left. Growth is that of a
// line through ten readings, after a warm-up: the first streams fill pools and caches.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verdict } from '../drain/rig.mjs';
import { KEY_SETTINGS, SERVER_KEY } from '../server.mjs';

const CALLING_PROCESSES = 2;
const READINGS = 10;
const WARM_UP = 20_000;
const GROWTH_MB_MAX = 5;
const EMPTY_WITHIN_MS = 10_000;
const REQUEST = `GET /sdk/v1/stream HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${SERVER_KEY}\r\n\r\n`;

const { values } = parseArgs({ options: { connects: { type: 'string', default: '20000' } } });
const perInterval = Math.ceil(Number(values.connects) / READINGS);

const server = start('../fan-out/dimmer-server.mjs', {
  execArgv: ['--expose-gc'],
  env: { ...process.env, ...KEY_SETTINGS },
});
const [{ port }] = await once(server, 'message');
const callers = Array.from({ length: CALLING_PROCESSES }, () => start('callers.mjs'));

await callMany(WARM_UP);
const startedAt = performance.now();
const readings = [await memory()];
for (let interval = 0; interval < READINGS; interval += 1) {
  await callMany(perInterval);
  readings.push(await memory());
}
report((performance.now() - startedAt) / 1000, await streamsLeft());
for (const child of [...callers, server]) child.kill('SIGKILL');

function report(seconds, left) {
  const connects = perInterval * READINGS;
  console.log(`${connects} connects and disconnects, ${Math.round(connects / seconds)} a second`);
  for (const name of ['heapUsed', 'rss']) {
    const figures = readings.map((reading) => reading[name] / 1_048_576);
    const growth = slopeOf(figures) * READINGS;
    const [first, last] = [figures[0], figures.at(-1)].map((figure) => figure.toFixed(1));
    const text = `${growth.toFixed(2)} MB (${first} to ${last})`;
    verdict(`growth of ${name}`, text, growth <= GROWTH_MB_MAX);
  }
  verdict('streams left', left, left === 0);
}

async function callMany(count) {
  const finished = callers.map((caller) => once(caller, 'message'));
  for (const [index, caller] of callers.entries()) {
    const share = Math.ceil(count / CALLING_PROCESSES);
    caller.send({ port, request: REQUEST, count: share, network: index + 1 });
  }
  await Promise.all(finished);
}

async function memory() {
  await streamsLeft();
  const answered = new Promise((resolve) => {
    server.on('message', function listen(message) {
      if (message.type !== 'memory') return;
      server.off('message', listen);
      resolve(message);
    });
  });
  server.send({ type: 'memory' });
  return answered;
}

/** Those that are still open when all had time to end. */
async function streamsLeft() {
  const end = Date.now() + EMPTY_WITHIN_MS;
  for (;;) {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const streams = Number(/^dimmer_streams\{.*\} (\d+)$/m.exec(metrics)?.[1]);
    if (streams === 0 || Date.now() > end) return streams;
    await pause(100);
  }
}

function start(file, options) {
  return fork(fileURLToPath(new URL(file, import.meta.url)), options);
}

/** By least squares, per reading. */
function slopeOf(figures) {
  const middle = (figures.length - 1) / 2;
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
  const covariance = figures.reduce((sum, figure, index) => sum + (index - middle) * (figure - mean), 0);
  const variance = figures.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
  return covariance / variance;
}
