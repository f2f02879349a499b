import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, quantile, verdict } from '../drain/rig.mjs';
import { databaseFile, startServer } from '../server.mjs';
import { changeFlag, now, STREAM_REQUEST, startPeers } from './rig.mjs';

const STREAMS = 1_000;
const BUSY_LOOPS = 2;
const HEARTBEAT_MS = 1_000;
const LATE_MS = 2_000;
const PUNCTUAL_MIN = 0.99;
const FOR_MS = 15_000;

/** Two busy loops beside the server, as greedy as it is itself. */
export async function starved() {
  const settings = { DIMMER_HEARTBEAT_MS: String(HEARTBEAT_MS) };
  const server = await startServer(databaseFile(), 0, { settings });
  await createFlag(server);
  const peers = startPeers('127.0.0.2');
  peers.open('streams', { port: server.port, count: STREAMS, request: STREAM_REQUEST });
  await peers.until(
    'streams',
    (all) => all.filter(({ heartbeats }) => heartbeats.length > 0).length === STREAMS,
    30_000,
  );

  const alone = await measure(server, peers);
  const loops = Array.from({ length: BUSY_LOOPS }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  const beside = await measure(server, peers);
  for (const loop of loops) loop.kill('SIGKILL');

  console.log(
    `${STREAMS} streams, a heartbeat a second, ${BUSY_LOOPS} busy loops on ${availableParallelism()} cores`,
  );
  for (const [name, { punctual, late, writes }] of Object.entries({ alone, beside })) {
    const share = `${(punctual * 100).toFixed(2)} %, latest by ${Math.max(0, late).toFixed(0)} ms`;
    verdict(`${name}: heartbeats within 2 s`, share, punctual >= PUNCTUAL_MIN);
    const times = [0.5, 0.99].map((part) => quantile(writes, part).toFixed(0));
    verdict(`${name}: writes, p50 and p99`, `${times.join(', ')} ms`, true);
  }
  peers.close();
  server.child.kill('SIGKILL');
}

async function measure(server, peers) {
  peers.tell('forget', 'streams');
  const writes = [];
  for (const startedAt = now(); now() - startedAt < FOR_MS; await pause(100)) {
    const at = now();
    await changeFlag(server, `turn-${at}`, 1_000);
    writes.push(now() - at);
  }
  const reports = await peers.report('streams');
  const gaps = reports.flatMap(({ heartbeats }) =>
    heartbeats.slice(1).map((at, index) => at - heartbeats[index]),
  );
  const late = quantile(gaps, 1) - HEARTBEAT_MS;
  return { punctual: gaps.filter((gap) => gap <= HEARTBEAT_MS + LATE_MS).length / gaps.length, late, writes };
}
