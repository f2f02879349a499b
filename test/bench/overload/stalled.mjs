import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, verdict } from '../drain/rig.mjs';
import { databaseFile, startServer } from '../server.mjs';
import { changeFlag, metric, residentMb, STREAM_REQUEST, startPeers } from './rig.mjs';

const PEERS = 100;
const RESUMING = 10;
const COMMITS_MAX = 2;
const CHANGES = 1_000;
const CHANGE_BYTES = 10_000;
const QUEUE_KB_MAX = 256;
const GROWTH_MB_MAX = 50;
const CUT_WITHIN_MS = 60_000;

/** Peers that never read, half of them half-closed, under changes that no kernel can swallow. */
export async function stalled() {
  const server = await startServer(databaseFile());
  await createFlag(server);
  await warmUp(server);
  const peers = startPeers('127.0.0.2');
  for (const group of ['stalled', 'half-closed']) {
    peers.open(group, { port: server.port, count: PEERS / 2, request: STREAM_REQUEST, bytesPerSecond: 0 });
    await peers.until(group, (all) => all.filter(({ connected }) => connected).length === PEERS / 2, 10_000);
  }
  while ((await metric(server, 'dimmer_streams{')) < PEERS) await pause(50);
  peers.tell('halfClose', 'half-closed');
  const resuming = startPeers('127.0.0.3');
  resuming.open('resuming', {
    port: server.port,
    count: RESUMING,
    request: STREAM_REQUEST,
    bytesPerSecond: 0,
  });
  while ((await metric(server, 'dimmer_streams{')) < PEERS / 2 + RESUMING) await pause(50);

  const before = residentMb(server);
  let most = before;
  let lastRevision = 0;
  for (let turn = 0; turn < CHANGES; turn += 1) {
    lastRevision = await changeFlag(server, turn, CHANGE_BYTES);
    if (turn % 20 === 0) most = Math.max(most, residentMb(server));
  }
  const stoppedAt = Date.now();
  resuming.tell('resume', 'resuming');
  const isCurrent = ({ commits }) => commits.at(-1)?.revision === lastRevision;
  const resumed = await resuming.until('resuming', (all) => all.every(isCurrent), CUT_WITHIN_MS);
  resuming.close();
  most = Math.max(most, residentMb(server));
  while ((await metric(server, 'dimmer_streams{')) > 0 && Date.now() - stoppedAt < CUT_WITHIN_MS)
    await pause(250);
  const cutMs = Date.now() - stoppedAt;
  const left = await metric(server, 'dimmer_streams{');
  const cut = await metric(server, 'dimmer_streams_cut_total', 'cause="stalled"');

  console.log(`${PEERS} peers that never read, half of them half-closed, ${lastRevision} revisions of 10 KB`);
  const growth = most - before;
  verdict('memory grew by at most', `${growth.toFixed(0)} MB`, growth <= GROWTH_MB_MAX);
  const queue = (growth * 1024) / PEERS;
  verdict('that is, per peer', `${queue.toFixed(0)} KB`, queue <= QUEUE_KB_MAX);
  const merged = Math.max(...resumed.map((peer) => commitsFromTheFirstGap(peer.commits)));
  verdict('that read again and are current', resumed.filter(isCurrent).length, resumed.every(isCurrent));
  verdict('commits until then, from the gap on', merged, merged >= 1 && merged <= COMMITS_MAX);
  verdict('all gone after the last change in', `${(cutMs / 1000).toFixed(1)} s`, left === 0);
  console.log(`cut for taking nothing in 30 s      ${cut}`);
  peers.close();
  server.child.kill('SIGKILL');
}

/** Before the gap is what the kernel had taken already. */
function commitsFromTheFirstGap(commits) {
  const gap = commits.findIndex(
    ({ revision }, index) => index > 0 && revision !== commits[index - 1].revision + 1,
  );
  return gap === -1 ? 0 : commits.length - gap;
}

/** So that what grows later is the peers', and not the first writes'. */
async function warmUp(server) {
  for (let turn = 0; turn < 300; turn += 1) await changeFlag(server, `w${turn}`, CHANGE_BYTES);
}
