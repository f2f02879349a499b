import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, quantile, verdict } from '../drain/rig.mjs';
import { databaseFile, startServer } from '../server.mjs';
import { now, requestOf, residentMb, STREAM_REQUEST, startPeers } from './rig.mjs';

const SOCKETS = 1_000;
const STREAMS_PER_KEY_MAX = 500;
/** Memory of a connection that has sent something, and is not done: twice that of a stream. */
const CONNECTION_KB_MAX = 32;
/** Counted to 1 s, and opened over 2 s. */
const HEADERS_MS_MAX = 13_000;
const REQUEST_MS_MAX = 33_000;
const INTERNALS = /\n\s+at |node_modules|\/server\/|SQLITE|Error:/;

/** Requests that never end, headers that are too large, and one key for all streams. */
export async function slowloris() {
  const settings = { DIMMER_STREAMS_PER_KEY_MAX: String(STREAMS_PER_KEY_MAX) };
  const server = await startServer(databaseFile(), 0, { settings });
  await createFlag(server);
  const { port } = server;
  const peers = startPeers('127.0.0.2');
  const before = residentMb(server);
  const dripMs = 1_000;
  peers.open('headers', {
    port,
    count: SOCKETS,
    drip: `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(1_000)}`,
    dripMs,
  });
  const request = requestOf('/sdk/v1/report')
    .replace('GET', 'POST')
    .replace('\r\n\r\n', '\r\ncontent-length: 1000\r\n\r\n');
  peers.open('bodies', { port, count: SOCKETS, request, drip: 'x'.repeat(1_000), dripMs });
  peers.open('streams', { port, count: SOCKETS, request: STREAM_REQUEST });
  await pause(5_000);
  const most = residentMb(server);
  const probes = [];
  for (let turn = 0; turn < 100; turn += 1) {
    const at = now();
    await (await fetch(`http://127.0.0.1:${port}/readyz`)).arrayBuffer();
    probes.push(now() - at);
  }
  const streams = await peers.report('streams');
  const closedAfter = async (group, limitMs) => {
    const reports = await peers.until(group, (all) => all.every(({ closedAt }) => closedAt !== 0), limitMs);
    return Math.max(
      ...reports.map(({ startedAt, closedAt }) => (closedAt === 0 ? Infinity : closedAt - startedAt)),
    );
  };
  const headersMs = await closedAfter('headers', HEADERS_MS_MAX + 5_000);
  const bodiesMs = await closedAfter('bodies', REQUEST_MS_MAX + 5_000);
  const large = await answerTo(
    port,
    requestOf('/livez').replace('\r\n\r\n', `\r\nx-large: ${'a'.repeat(65_536)}\r\n\r\n`),
  );
  const malformed = await answerTo(port, 'NONSENSE\r\n\r\n');
  const absent = await answerTo(
    port,
    requestOf('/nowhere').replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
  );

  const count = (wanted) => streams.filter(({ status }) => status === wanted).length;
  console.log(`${SOCKETS} that send a header for ever, ${SOCKETS} a body, ${SOCKETS} streams with one key`);
  verdict(
    'headers that drip are closed after',
    `${(headersMs / 1000).toFixed(1)} s`,
    headersMs <= HEADERS_MS_MAX,
  );
  verdict(
    'bodies that drip are closed after',
    `${(bodiesMs / 1000).toFixed(1)} s`,
    bodiesMs <= REQUEST_MS_MAX,
  );
  verdict('64 KB of headers are answered', large.split('\r\n')[0], large.startsWith('HTTP/1.1 431'));
  verdict(
    'streams of one key, refused',
    `${count(200)}, ${count(503)}`,
    count(200) === STREAMS_PER_KEY_MAX && count(503) === SOCKETS - STREAMS_PER_KEY_MAX,
  );
  verdict('/readyz meanwhile, p99', `${quantile(probes, 0.99).toFixed(0)} ms`, quantile(probes, 0.99) <= 250);
  const connectionKb = ((most - before) * 1_024) / (2 * SOCKETS + STREAMS_PER_KEY_MAX);
  verdict('memory of a connection', `${connectionKb.toFixed(0)} KB`, connectionKb <= CONNECTION_KB_MAX);
  const telling = [large, malformed, absent].filter((answer) => answer === '' || INTERNALS.test(answer));
  verdict('answers that tell internals', telling.length, telling.length === 0);
  peers.close();
  server.child.kill('SIGKILL');
}

/** What the server sends until it closes. */
async function answerTo(port, text) {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.write(text);
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}
