import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, quantile, verdict } from '../drain/rig.mjs';
import { databaseFile, startServer } from '../server.mjs';
import { changeFlag, metric, now, STREAM_REQUEST, startPeers } from './rig.mjs';

const READERS = 1_000;
const CHANGES = 1_000;
const CHANGE_BYTES = 1_000;
/** Writes under way at the same time: enough for 1,000 in about a second. */
const WRITERS = 8;
const SLOW_BYTES_PER_SECOND = 1_000;
const RATIO_MAX = 1.5;
const WAIT_MS = 60_000;

/**
 * 1,000 readers alone, beside 1,000 others that are as fast, and beside 1,000 that take 1 KB a second. The second is
 * the reference: twice the streams are twice the bytes, whoever reads them.
 */
export async function slow() {
  const alone = await measure();
  const besideFast = await measure({});
  const besideSlow = await measure({ bytesPerSecond: SLOW_BYTES_PER_SECOND });

  const line = ({ p50, p99, writeMs }) =>
    `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (writes took ${(writeMs / 1000).toFixed(1)} s)`;
  console.log(
    `${CHANGES} changes of 1 KB to ${READERS} fast readers, from the request of a write to the reader`,
  );
  console.log(`alone                             ${line(alone)}`);
  console.log(`beside ${READERS} other fast readers    ${line(besideFast)}`);
  console.log(`beside ${READERS} slow ones             ${line(besideSlow)}`);
  console.log(`p99 over that alone               ${(besideSlow.p99 / alone.p99).toFixed(2)}`);
  const ratio = besideSlow.p99 / besideFast.p99;
  verdict('p99 over that beside fast ones', ratio.toFixed(2), ratio <= RATIO_MAX);
  verdict('slow ones at the last revision', besideSlow.arrived, besideSlow.arrived === READERS);
  console.log(
    `commits that a slow one got       ${besideSlow.commits}, held back ${besideSlow.heldBack} times`,
  );
}

/** @param others - How the others read; undefined: there are none. */
async function measure(others) {
  const server = await startServer(databaseFile());
  await createFlag(server);
  const fast = startPeers('127.0.0.2');
  const beside = startPeers('127.0.0.3');
  await openAll(fast, server);
  if (others !== undefined) await openAll(beside, server, others);
  const streams = READERS * (others === undefined ? 1 : 2);
  while ((await metric(server, 'dimmer_streams{')) < streams) await pause(50);
  for (let turn = 0; turn < 100; turn += 1) await changeFlag(server, `w${turn}`, CHANGE_BYTES);
  await fast.until('readers', (peers) => peers.every(({ commits }) => commits.length > 0), WAIT_MS);
  fast.tell('forget', 'readers');

  const sentAt = new Map();
  const startedAt = now();
  await writeAll(server, sentAt);
  const writeMs = now() - startedAt;
  const last = Math.max(...sentAt.keys());
  const isCurrent = ({ commits }) => commits.at(-1)?.revision === last;
  const reports = await fast.until('readers', (peers) => peers.every(isCurrent), WAIT_MS);
  const times = reports.flatMap(({ commits }) =>
    commits
      .filter(({ revision }) => sentAt.has(revision))
      .map(({ revision, at }) => at - sentAt.get(revision)),
  );
  const heldBack = await metric(server, 'dimmer_slow_streams_total');
  if (others !== undefined) beside.tell('resume', 'readers');
  const slowReports =
    others === undefined ? [] : await beside.until('readers', (peers) => peers.every(isCurrent), WAIT_MS);
  const figures = {
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    writeMs,
    heldBack,
    arrived: slowReports.filter(isCurrent).length,
    commits: Math.max(0, ...slowReports.map(({ commits }) => commits.length)),
  };
  for (const peers of [fast, beside]) peers.close();
  server.child.kill('SIGKILL');
  return figures;
}

async function openAll(peers, { port }, how = {}) {
  peers.open('readers', { port, count: READERS, request: STREAM_REQUEST, ...how });
  await peers.until('readers', (all) => all.filter(({ connected }) => connected).length === READERS, WAIT_MS);
}

async function writeAll(server, sentAt) {
  let begun = 0;
  const write = async () => {
    while (begun < CHANGES) {
      begun += 1;
      const at = now();
      sentAt.set(await changeFlag(server, begun, CHANGE_BYTES), at);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}
