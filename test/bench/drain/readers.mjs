// Holds many streams as an SDK does: a cursor, `goodbye` heeded, `Retry-After` heeded, full jitter else. It keeps
// no flags: the less this process does, the more of what it measures is the server's.
import { connect } from 'node:net';

/** The greatest wait before the first attempt after a failure, and before any, in milliseconds. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;
/** Longer than any commit line or goodbye, so that one that is split between two chunks is still found. */
const TAIL_CHARACTERS = 300;

const readers = [];
/** The mistake to compare with: every reader waits exactly so long after a loss, in milliseconds; none: jitter. */
const FIXED_RETRY_MS = process.env.DIMMER_BENCH_FIXED_RETRY_MS;
let target;

process.on('message', ({ type, ...message }) => {
  if (type === 'open') open(message);
  else if (type === 'target') target = message.port;
  else if (type === 'forget') for (const reader of readers) reader.returns = [];
  else if (type === 'report') process.send({ type: 'report', readers: readers.map(reportOf) });
  else if (type === 'close') process.exit(0);
});
process.on('disconnect', () => process.exit(0));

/** @param pace - How many are opened in 10 ms. */
function open({ port, key, count, from, pace }) {
  target = port;
  const timer = setInterval(() => {
    for (let index = 0; index < pace && readers.length < count; index += 1) {
      const reader = {
        key,
        from,
        cursor: undefined,
        live: false,
        failures: 0,
        lostAt: undefined,
        returns: [],
      };
      readers.push(reader);
      attempt(reader);
    }
    if (readers.length === count) clearInterval(timer);
  }, 10);
}

function attempt(reader) {
  const startedAt = Date.now();
  const socket = connect({ port: target, host: '127.0.0.1', localAddress: reader.from });
  const since = reader.cursor === undefined ? '' : `?since=${reader.cursor}`;
  const stream = { startedAt, text: '', mode: undefined, goodbyeMs: undefined, retryMs: undefined };
  socket.write(
    `GET /sdk/v1/stream${since} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${reader.key}\r\n\r\n`,
  );
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    read(reader, stream, chunk.toString('latin1'));
    if (stream.retryMs !== undefined) socket.destroy();
  });
  socket.on('close', () => comeBack(reader, stream));
}

function read(reader, stream, chunk) {
  const text = stream.text + chunk;
  if (stream.mode === undefined) greet(reader, stream, text);
  // With the line break: there is a header x-request-id.
  const id = text.lastIndexOf('\nid: ');
  const end = text.indexOf('\n', id + 1);
  if (id !== -1 && end !== -1) reader.cursor = text.slice(id + 5, end);
  const goodbye = /event: goodbye\ndata: (\{.*\})\n/.exec(text);
  if (goodbye !== null) stream.goodbyeMs ??= lose(reader, JSON.parse(goodbye[1]).reconnectInMs);
  stream.text = text.slice(-TAIL_CHARACTERS);
}

function greet(reader, stream, text) {
  const retryAfter = /^HTTP\/1\.1 503[\s\S]*\r\nretry-after: (\d+)/i.exec(text);
  if (retryAfter !== null) stream.retryMs = Number(retryAfter[1]) * 1000;
  const mode = /event: hello\ndata: \{.*"mode":"(\w+)"/.exec(text)?.[1];
  if (mode === undefined) return;
  stream.mode = mode;
  reader.live = true;
  reader.failures = 0;
  const at = Date.now();
  reader.returns.push({ at, startedAt: stream.startedAt, mode, gapMs: at - (reader.lostAt ?? at) });
}

/** The first sign that a stream is over counts. @returns `waitMs`. */
function lose(reader, waitMs) {
  if (reader.live) reader.lostAt = Date.now();
  reader.live = false;
  return waitMs;
}

function comeBack(reader, stream) {
  lose(reader, 0);
  const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** reader.failures);
  reader.failures += 1;
  const askedMs = stream.retryMs === undefined ? undefined : stream.retryMs + Math.random() * RETRY_MS;
  const drawnMs = FIXED_RETRY_MS === undefined ? Math.random() * ceiling : Number(FIXED_RETRY_MS);
  const waitMs = stream.goodbyeMs ?? askedMs ?? drawnMs;
  setTimeout(() => attempt(reader), waitMs);
}

function reportOf({ live, cursor, returns }) {
  return { live, cursor, returns };
}
