import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, startWriter, verdict } from '../drain/rig.mjs';
import { ADMIN_KEY, databaseFile, rest, startServer, untilReady } from '../server.mjs';
import { changeFlag, metric, now, STREAM_REQUEST, startPeers } from './rig.mjs';

const PEERS = 100;
const EXIT_MS_MAX = 20_000;
const SECOND_SIGNAL_MS_MAX = 1_000;
const READY_MS_MAX = 3_000;
/** With the one that is there already: as many as an environment may have. */
const FLAGS = 4_999;
const FLAGS_PER_REQUEST = 500;
/** More than the kernel takes for a peer that never reads. */
const CHANGES = 600;
const CHANGES_PATH = '/api/v1/projects/default/environments/production/changes';
const UPLOAD = [
  'POST /api/v1/projects HTTP/1.1',
  'host: bench',
  `authorization: Bearer ${ADMIN_KEY}`,
  'content-type: application/json',
  'content-length: 60',
  '\r\n',
].join('\r\n');

/** SIGTERM with peers that hold on, a second signal, and kill -9 under writes with 5,000 flags. */
export async function ending() {
  const file = databaseFile();
  const first = await startServer(file);
  await createFlag(first);
  const held = await holdOn(first);
  const signalledAt = Date.now();
  first.child.kill('SIGTERM');
  const exit = await first.exit;
  held.close();
  console.log(`${PEERS} sockets that never speak, ${PEERS} streams that never read, an upload of 60 s`);
  verdict('exit code after SIGTERM', exit.code, exit.code === 0);
  verdict('from SIGTERM to the exit', inSeconds(exit.at - signalledAt), exit.at - signalledAt <= EXIT_MS_MAX);

  const second = await startServer(file);
  const heldAgain = await holdOn(second);
  second.child.kill('SIGTERM');
  await pause(500);
  const repeatedAt = Date.now();
  second.child.kill('SIGTERM');
  const hard = await second.exit;
  heldAgain.close();
  verdict(
    'exit after a second signal',
    inSeconds(hard.at - repeatedAt),
    hard.at - repeatedAt <= SECOND_SIGNAL_MS_MAX,
  );

  const third = await startServer(file);
  await createFlags(third);
  const writer = startWriter(third, 50);
  await pause(2_000);
  third.child.kill('SIGKILL');
  await third.exit;
  await writer.stop();
  const startedAt = now();
  const fourth = await startServer(file);
  await untilReady(fourth);
  const readyMs = now() - startedAt;
  verdict('ready after kill -9, 5,000 flags', inSeconds(readyMs), readyMs <= READY_MS_MAX);
  fourth.child.kill('SIGKILL');
}

/** @returns Peers that would keep a patient server from ending. */
async function holdOn(server) {
  const peers = startPeers('127.0.0.2');
  const { port } = server;
  peers.open('unread', { port, count: PEERS, request: STREAM_REQUEST, bytesPerSecond: 0 });
  while ((await metric(server, 'dimmer_streams{')) < PEERS) await pause(50);
  for (let turn = 0; turn < CHANGES; turn += 1) await changeFlag(server, `${port}-${turn}`, 10_000);
  peers.open('silent', { port, count: PEERS });
  peers.open('upload', { port, count: 1, request: UPLOAD, drip: ' '.repeat(60), dripMs: 1_000 });
  await peers.until('silent', (all) => all.filter(({ connected }) => connected).length === PEERS, 10_000);
  return peers;
}

async function createFlags(server) {
  for (let from = 0; from < FLAGS; from += FLAGS_PER_REQUEST) {
    const edits = Array.from({ length: Math.min(FLAGS_PER_REQUEST, FLAGS - from) }, (_, index) => ({
      edit: 'createFlag',
      flag: { key: `flag-${from + index}`, type: 'boolean' },
    }));
    const answer = await rest(server, 'POST', CHANGES_PATH, { edits });
    if (!answer.ok) throw new Error(`flags cannot be created: ${await answer.text()}`);
  }
}

function inSeconds(durationMs) {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
