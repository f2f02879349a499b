// SIGTERM under many streams and a steady stream of writes, and another server that takes the readers over.
//
//   pnpm exec tsc -b && node test/bench/drain/run.mjs [--streams 8000] [--writes 50]
//
// Two servers cannot share one SQLite file. So the writes end 4 s after the signal, while the server still takes
// requests, and the other server is started on a copy of the file: same history, same epoch, as behind a shared
// database. Bars: exit 0 within 20 s, p99 of the gap at most 1.2 s, 99 % resumed without a snapshot, at most 150
// connections in a tenth of a second, nothing lost.
import { copyFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { databaseFile, startServer } from '../server.mjs';
import {
  createFlag,
  peakPerTenth,
  quantile,
  revisionOf,
  startReaders,
  startWriter,
  verdict,
} from './rig.mjs';

const EXIT_MS_MAX = 20_000;
const GAP_MS_MAX = 1_200;
const RESUMED_SHARE_MIN = 0.99;
const CONNECTS_PER_TENTH_MAX = 150;
const WRITES_AFTER_SIGNAL_MS = 4_000;
const LIVE_LIMIT_MS = 60_000;

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '8000' }, writes: { type: 'string', default: '50' } },
});
const streams = Number(values.streams);
const [file, copy] = [databaseFile(), databaseFile()];

const first = await startServer(file);
await createFlag(first);
const readers = startReaders();
readers.open(first.port, streams);
await readers.until(streams, ({ live }) => live, LIVE_LIMIT_MS);
readers.forget();

const before = await revisionOf(first);
const writer = startWriter(first, Number(values.writes));
await pause(2_000);
const signalledAt = Date.now();
first.child.kill('SIGTERM');
await pause(WRITES_AFTER_SIGNAL_MS);
const written = await writer.stop();
for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
const second = await startServer(copy);
readers.turnTo(second.port);
const revision = await revisionOf(second);

const exit = await first.exit;
const isCurrent = ({ live, cursor, returns }) =>
  live && returns.length > 0 && cursor?.endsWith(`:${revision}`);
const reports = await readers.until(streams, isCurrent, LIVE_LIMIT_MS);
report(
  reports.flatMap(({ returns }) => returns.slice(0, 1)),
  reports.filter(isCurrent).length,
);
readers.close();
second.child.kill('SIGKILL');

function report(returns, current) {
  const gaps = returns.map(({ gapMs }) => gapMs);
  const exitMs = exit.at - signalledAt;
  const resumed = returns.filter(({ mode }) => mode !== 'full').length / streams;
  const peak = peakPerTenth(returns.map(({ startedAt }) => startedAt));
  const [p50, p99] = [quantile(gaps, 0.5), quantile(gaps, 0.99)];
  console.log(`${streams} streams, ${values.writes} writes a second`);
  verdict('exit code', exit.code, exit.code === 0);
  verdict('from SIGTERM to the exit', `${(exitMs / 1000).toFixed(1)} s`, exitMs <= EXIT_MS_MAX);
  verdict(
    'writes acknowledged and failed',
    `${written.acknowledged}, ${written.failed}`,
    written.failed === 0,
  );
  const lost = before + written.acknowledged - revision;
  verdict('acknowledged writes lost', lost, lost === 0);
  verdict('gap of a stream, p50 and p99', `${p50} ms, ${p99} ms`, p99 <= GAP_MS_MAX);
  verdict('resumed without a snapshot', `${(resumed * 100).toFixed(2)} %`, resumed >= RESUMED_SHARE_MIN);
  verdict('most connections in 100 ms', peak, peak <= CONNECTS_PER_TENTH_MAX);
  verdict('streams at the last revision', current, current === streams);
}
