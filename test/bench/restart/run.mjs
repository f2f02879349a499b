// kill -9 under many streams, and a restart on the same port and file half a second later.
//
//   pnpm exec tsc -b && node test/bench/restart/run.mjs [--streams 8000]
//
// DIMMER_BENCH_FIXED_RETRY_MS=3000 gives readers the mistake to compare with: all wait the same time. Their peak of
// connections is then several times as high, which shows that this benchmark would see a stampede.
//
// Bars: every stream live within 35 s, no snapshot sent where nothing changed, event loop at most 100 ms late.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createFlag, peakPerTenth, quantile, startReaders, verdict } from '../drain/rig.mjs';
import { databaseFile, rest, startServer } from '../server.mjs';

const LIVE_MS_MAX = 35_000;
const LAG_MS_MAX = 100;
const LIVE_LIMIT_MS = 90_000;

const { values } = parseArgs({ options: { streams: { type: 'string', default: '8000' } } });
const streams = Number(values.streams);
const file = databaseFile();

const first = await startServer(file);
await createFlag(first);
const readers = startReaders();
readers.open(first.port, streams);
await readers.until(streams, ({ live }) => live, LIVE_LIMIT_MS);
readers.forget();

const killedAt = Date.now();
first.child.kill('SIGKILL');
await first.exit;
await pause(500);
const second = await startServer(file, first.port);
// What starting took is not what the readers cause: this reading is thrown away.
await lagMs();
const lags = [];
const watching = setInterval(async () => lags.push(await lagMs()), 2_000);
const reports = await readers.until(
  streams,
  ({ live, returns }) => live && returns.length > 0,
  LIVE_LIMIT_MS,
);
clearInterval(watching);
const metrics = await metricsText();
report(reports.flatMap(({ returns }) => returns.slice(-1)));
readers.close();
second.child.kill('SIGKILL');

function report(returns) {
  const gaps = returns.map(({ at }) => at - killedAt);
  const last = Math.max(...gaps);
  const lag = Math.max(...lags);
  const snapshots = metric('dimmer_streams_opened_total{mode="full"}');
  const peak = peakPerTenth(returns.map(({ startedAt }) => startedAt));
  console.log(`${streams} streams, kill -9, restart after 0.5 s`);
  const allLive = returns.length === streams && last <= LIVE_MS_MAX;
  verdict('streams live again', returns.length, returns.length === streams);
  verdict(
    'after p50, p99, all',
    [quantile(gaps, 0.5), quantile(gaps, 0.99), last].map(seconds).join(', '),
    allLive,
  );
  verdict('snapshots sent', snapshots, snapshots === 0);
  verdict('event loop late by at most', `${lag.toFixed(0)} ms`, lag <= LAG_MS_MAX);
  console.log(`most connections in 100 ms        ${peak}`);
  console.log(`refused for a second's limit      ${metric('dimmer_streams_refused_total{cause="rate"}')}`);
}

function seconds(durationMs) {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

async function metricsText() {
  return (await rest(second, 'GET', '/metrics')).text();
}

/** The greatest since the reading before. */
async function lagMs() {
  const text = await metricsText();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]) * 1000;
}

function metric(name) {
  const line = metrics.split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}
