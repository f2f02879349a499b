// How long the write-ahead log of SQLite becomes, and how long writes take, while somebody reads the file for long.
//
//   npm run bench:wal -- [--minutes 1] [--rate 50] [--reader 30]
//
// A server takes writes at a steady pace. For half of each minute, or so many seconds of it, a reader of another
// process (a backup, `sqlite3`) stands in its transaction: SQLite may write nothing over that it could still ask for. A write
// is timed from when it was due. Beside the figures with a reader, and right behind one, are those without.
//
// Bars: a log of at most 64 MB; in every phase p99 of writes, and of the loop's lag, at most 50 ms.
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { ask, databaseFile, rest, startServer, stopServer, untilReady } from '../server.mjs';

const WAL_MB_MAX = 64;
const P99_MS_MAX = 50;
const SAMPLE_MS = 100;
/** In which what a reader had held up is copied into the file, and the log begins anew. */
const BEHIND_SECONDS = 5;
const PRODUCTION = '/api/v1/projects/default/environments/production';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    rate: { type: 'string', default: '50' },
    reader: { type: 'string', default: '30' },
  },
});
const [minutes, rate, readerSeconds] = [values.minutes, values.rate, values.reader].map(Number);

const file = databaseFile();
const server = await startServer(file);
const phases = {
  'without a reader': newFigures(),
  'with a reader': newFigures(),
  'right behind one': newFigures(),
};
let count = 0;
try {
  await untilReady(server);
  await ask(server, 'POST', '/api/v1/projects/default/flags', { key: 'checkout' });
  for (let minute = 0; minute < minutes; minute += 1) {
    await measure(phases['without a reader'], 60 - readerSeconds - BEHIND_SECONDS);
    const reader = new Database(file, { readonly: true });
    reader.exec('begin');
    reader.prepare('select count(*) from audit').get();
    await measure(phases['with a reader'], readerSeconds);
    reader.exec('rollback');
    reader.close();
    await measure(phases['right behind one'], BEHIND_SECONDS);
  }
  tell();
} finally {
  await stopServer(server);
}

function newFigures() {
  return { times: [], lags: [], walMb: 0, refused: 0 };
}

async function measure(figures, seconds) {
  await lagMs();
  const started = performance.now();
  const sampler = setInterval(() => {
    figures.walMb = Math.max(figures.walMb, statSync(`${file}-wal`).size / 2 ** 20);
  }, SAMPLE_MS);
  const underWay = [];
  for (let due = started; due < started + seconds * 1_000; due += 1_000 / rate) {
    await sleep(due - performance.now());
    underWay.push(write(figures, due));
  }
  await Promise.all(underWay);
  clearInterval(sampler);
  figures.lags.push(await lagMs());
}

async function write(figures, due) {
  count += 1;
  const targets = [{ variation: 'on', values: [`user-${count}`] }];
  const answer = await rest(server, 'PATCH', `${PRODUCTION}/flags/checkout`, { targets });
  await answer.text();
  if (!answer.ok) figures.refused += 1;
  figures.times.push(performance.now() - due);
}

/** p99 of how late the server's event loop was since the last look. */
async function lagMs() {
  const text = await (await rest(server, 'GET', '/metrics')).text();
  return 1_000 * Number(/^nodejs_eventloop_lag_p99_seconds(?:\{.*\})? (\S+)$/m.exec(text)?.[1]);
}

function tell() {
  for (const [name, { times, lags, walMb, refused }] of Object.entries(phases)) {
    const [p50, p99, lag] = [quantile(times, 0.5), quantile(times, 0.99), Math.max(...lags)];
    const holds = walMb <= WAL_MB_MAX && p99 <= P99_MS_MAX && lag <= P99_MS_MAX && refused === 0;
    console.log(
      `${name.padEnd(17)} ${times.length} writes: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; loop p99 at most ${lag.toFixed(1)} ms; ` +
        `log at most ${walMb.toFixed(1)} MB; ${refused} refused${holds ? '' : '   DOES NOT HOLD'}`,
    );
    if (!holds) process.exitCode = 1;
  }
  const [without, ...others] = Object.values(phases).map(({ times }) => quantile(times, 0.99));
  const ratios = others.map((p99) => (p99 / without).toFixed(2));
  console.log(`p99 with a reader is ${ratios[0]} times that without, right behind one ${ratios[1]} times`);
}

function quantile(figures, part) {
  const sorted = [...figures].sort((one, other) => one - other);
  return sorted[Math.floor(part * sorted.length)];
}
