import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, quantile, verdict } from '../drain/rig.mjs';
import { ADMIN_KEY, databaseFile, startServer } from '../server.mjs';
import { FLAG, metric, now, STREAM_REQUEST, startPeers } from './rig.mjs';

const OPEN_FILES_MAX = 1_024;
const CLIENTS = 2_000;
const FOR_MS = 8_000;

/** A server that may open 1,024 files, 2,000 readers, and 2,000 connections that never speak. */
export async function descriptors() {
  const server = await startServer(databaseFile(), 0, { openFilesMax: OPEN_FILES_MAX });
  await createFlag(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // This connection is there before the others.
  await write(server, agent, 0);
  const [readers, silent] = ['127.0.0.2', '127.0.0.3'].map(startPeers);
  readers.open('readers', { port: server.port, count: CLIENTS, request: STREAM_REQUEST });
  const answers = await readers.until('readers', isAnswered, 30_000);
  silent.open('silent', { port: server.port, count: CLIENTS });

  const times = [];
  let failed = 0;
  let mostFiles = 0;
  for (const startedAt = now(); now() - startedAt < FOR_MS; await pause(20)) {
    const at = now();
    if ((await write(server, agent, at)) !== 200) failed += 1;
    times.push(now() - at);
    mostFiles = Math.max(mostFiles, readdirSync(`/proc/${server.child.pid}/fd`).length);
  }
  const stillThere = (await readers.report('readers')).filter(
    ({ status, closedAt }) => status === 200 && closedAt === 0,
  );
  for (const [peers, group] of [
    [readers, 'readers'],
    [silent, 'silent'],
  ])
    peers.tell('destroy', group);
  const leftAt = now();
  let recovered;
  while (recovered === undefined && now() - leftAt < 10_000) {
    recovered = await metric(server, 'dimmer_connections_dropped_total').catch(() => undefined);
    if (recovered === undefined) await pause(20);
  }
  const recoveredMs = now() - leftAt;
  const byStatus = (wanted) => answers.filter(({ status }) => status === wanted).length;
  console.log(`${OPEN_FILES_MAX} open files, ${CLIENTS} readers and ${CLIENTS} connections that never speak`);
  verdict(
    'readers: streams, 503, neither',
    [byStatus(200), byStatus(503), byStatus(0)].join(', '),
    byStatus(200) + byStatus(503) === CLIENTS,
  );
  verdict('streams that stay', stillThere.length, stillThere.length === byStatus(200));
  verdict('open files at most', mostFiles, mostFiles < OPEN_FILES_MAX);
  verdict('writes meanwhile, failed', `${times.length}, ${failed}`, failed === 0);
  console.log(
    `write p50, p99                    ${[0.5, 0.99].map((share) => quantile(times, share).toFixed(0)).join(', ')} ms`,
  );
  verdict('connections dropped and counted', recovered, recovered > 0);
  verdict('new connections taken again after', `${recoveredMs.toFixed(0)} ms`, recovered !== undefined);
  verdict('the process lives', server.child.exitCode === null, server.child.exitCode === null);
  for (const peers of [readers, silent]) peers.close();
  agent.destroy();
  server.child.kill('SIGKILL');
}

function isAnswered(peers) {
  return peers.length === CLIENTS && peers.every(({ status, closedAt }) => status !== 0 || closedAt !== 0);
}

/** Over the one connection of the agent. @returns The status; 0: the connection broke. */
async function write({ port }, agent, turn) {
  const body = JSON.stringify({ targets: [{ variation: 'on', values: [`user-${turn}`] }] });
  const headers = {
    authorization: `Bearer ${ADMIN_KEY}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const sent = request({ host: '127.0.0.1', port, path: FLAG, method: 'PATCH', agent, headers });
  sent.end(body);
  try {
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  } catch {
    return 0;
  }
}
