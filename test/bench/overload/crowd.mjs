import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, quantile, verdict } from '../drain/rig.mjs';
import { databaseFile, startServer } from '../server.mjs';
import { changeFlag, metric, now, requestOf, residentMb, STREAM_REQUEST, startPeers } from './rig.mjs';

const STREAMS_MAX = 1_000;
const HELD = 500;
const FLOOD = 10_000;
/** Of each of two processes, in 10 ms: 5,000 a second together. */
const PER_TICK = 25;
const HEARTBEAT_MS = 1_000;
const LATE_MS = 2_000;
const GROWTH_MB_MAX = 50;
const SETTINGS = { DIMMER_STREAMS_MAX: String(STREAMS_MAX), DIMMER_HEARTBEAT_MS: String(HEARTBEAT_MS) };

/** 5,000 requests for a stream a second, twenty times as many as there is room for. */
export async function crowd() {
  const server = await startServer(databaseFile(), 0, { settings: SETTINGS });
  await createFlag(server);
  const [held, ...flooding] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'].map(startPeers);
  const streams = { port: server.port, request: STREAM_REQUEST };
  held.open('held', { ...streams, count: HELD });
  await held.until('held', (peers) => peers.filter(({ status }) => status === 200).length === HELD, 10_000);
  // A small crowd first: what every first refusal costs is not growth.
  flooding[0].open('warm-up', { ...streams, count: 2_000, perTick: 20 });
  await flooding[0].until('warm-up', isAnswered(2_000), 20_000);
  flooding[0].tell('destroy', 'warm-up');
  await pause(2_000);
  held.tell('forget', 'held');

  const before = residentMb(server);
  const startedAt = now();
  for (const peers of flooding) peers.open('flood', { ...streams, count: FLOOD / 2, perTick: PER_TICK });
  const polls = pollUntil(server, () => now() - startedAt > 4_000);
  await pause(2_000);
  const changedAt = now();
  const revision = await changeFlag(server, 'amid', 1_000);
  const pollTimes = await polls;
  const answers = (
    await Promise.all(flooding.map((peers) => peers.until('flood', isAnswered(FLOOD / 2), 30_000)))
  ).flat();
  const seconds = (Math.max(...answers.map(({ startedAt: at }) => at)) - startedAt) / 1000;
  const streamsOpen = await metric(server, 'dimmer_streams{');
  await pause(2_000);
  const readers = await held.report('held');

  const refused = answers.filter(({ status }) => status === 503);
  const opened = answers.filter(({ status }) => status === 200).length;
  const waits = refused.map(({ retryAfter }) => retryAfter);
  const arrivals = readers.map(
    ({ commits }) => commits.find((commit) => commit.revision === revision)?.at ?? Infinity,
  );
  const gaps = readers.flatMap(({ heartbeats }) =>
    heartbeats.slice(1).map((at, index) => at - heartbeats[index]),
  );
  const punctual = gaps.filter((gap) => gap <= HEARTBEAT_MS + LATE_MS).length / gaps.length;
  const growth = residentMb(server) - before;
  console.log(
    `${FLOOD} requests for a stream, ${Math.round(FLOOD / seconds)} a second; room for ${STREAMS_MAX}, ${HELD} taken`,
  );
  verdict(
    'opened, 503, neither',
    [opened, refused.length, FLOOD - opened - refused.length].join(', '),
    opened + refused.length === FLOOD,
  );
  const errors = new Set(answers.filter(({ status }) => status === 0).map(({ error }) => error ?? 'closed'));
  if (errors.size > 0) console.log(`why neither                       ${[...errors].join(', ')}`);
  verdict('streams at most', streamsOpen, streamsOpen <= STREAMS_MAX);
  verdict(
    'Retry-After, least to most',
    `${Math.min(...waits)} to ${Math.max(...waits)} s`,
    Math.min(...waits) >= 1 && Math.max(...waits) <= 30,
  );
  verdict(
    'polls answered, p99',
    `${pollTimes.length}, ${quantile(pollTimes, 0.99).toFixed(0)} ms`,
    pollTimes.length > 0 && pollTimes.every(Number.isFinite),
  );
  const live = readers.filter(({ closedAt }) => closedAt === 0).length;
  verdict('streams that were there and stay', live, live === HELD);
  verdict(
    'a change reached them after, p99',
    `${(quantile(arrivals, 0.99) - changedAt).toFixed(0)} ms`,
    arrivals.every(Number.isFinite),
  );
  verdict(
    'heartbeats at most 2 s late',
    `${(punctual * 100).toFixed(2)} % of ${gaps.length}`,
    punctual >= 0.99,
  );
  verdict('memory grew by', `${growth.toFixed(0)} MB`, growth <= GROWTH_MB_MAX);
  for (const peers of [held, ...flooding]) peers.close();
  server.child.kill('SIGKILL');
}

function isAnswered(count) {
  return (peers) =>
    peers.length === count && peers.every(({ status, closedAt }) => status !== 0 || closedAt !== 0);
}

/** @returns How long each snapshot took, in milliseconds; `Infinity` for one that was not answered. */
async function pollUntil({ port }, isOver) {
  const times = [];
  const headers = { authorization: requestOf('/').match(/authorization: (.*)\r\n/)[1] };
  while (!isOver()) {
    const at = now();
    const answer = await fetch(`http://127.0.0.1:${port}/sdk/v1/snapshot`, { headers }).catch(
      () => undefined,
    );
    await answer?.arrayBuffer();
    times.push(answer?.ok ? now() - at : Infinity);
    await pause(20);
  }
  return times;
}
