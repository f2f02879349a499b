// Connections of every kind, in a process of their own: those that read, slowly or not at all, those that never
// speak or never finish. Raw sockets, so that nothing here is politer than the worst client.
import { connect } from 'node:net';

/** How often a slow peer reads, in milliseconds. */
const SIP_MS = 100;
/** Longer than any commit line, so that one that is split between two chunks is still found. */
const TAIL_CHARACTERS = 300;
const COMMIT = /event: commit\ndata: \{"revision":(\d+),/g;

const groups = new Map();

const actions = {
  open: (message) => open(message),
  /** Slow and stalled peers read as fast as they can from now on. */
  resume: ({ group }) => groups.get(group).peers.forEach(readFreely),
  /** Half-closes: the peer says that it will send nothing more, and stays. */
  halfClose: ({ group }) => groups.get(group).peers.forEach(({ socket }) => void socket.end()),
  destroy: ({ group }) => groups.get(group).peers.forEach(({ socket }) => void socket.destroy()),
  /** Forgets what was counted so far. */
  forget: ({ group }) => groups.get(group).peers.forEach((peer) => void Object.assign(peer, newCounts())),
  report: ({ group, brief }) =>
    process.send({ type: 'report', peers: groups.get(group).peers.map(brief ? briefReportOf : reportOf) }),
  close: () => process.exit(0),
};

process.on('message', ({ type, ...message }) => actions[type](message));
process.on('disconnect', () => process.exit(0));

/**
 * @param perTick - How many are opened in 10 ms.
 * @param bytesPerSecond - How fast each reads; 0: not at all; undefined: as fast as it can.
 * @param drip - What each sends, one byte after the other, every `dripMs`; undefined: nothing.
 */
function open({ group, port, count, from, request, perTick, bytesPerSecond, drip, dripMs }) {
  const state = { peers: [], started: 0 };
  groups.set(group, state);
  const timer = setInterval(() => {
    for (let index = 0; index < perTick && state.started < count; index += 1) {
      state.started += 1;
      state.peers.push(openOne({ port, from, request, bytesPerSecond, drip, dripMs }));
    }
    if (state.started === count) clearInterval(timer);
  }, 10);
}

function openOne({ port, from, request, bytesPerSecond, drip, dripMs }) {
  const startedAt = now();
  const peer = {
    startedAt,
    status: 0,
    retryAfter: 0,
    connected: false,
    closedAt: 0,
    text: '',
    ...newCounts(),
  };
  // A half-closed peer stays open on its own side.
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
  peer.socket = socket;
  socket.setNoDelay(true);
  socket.on('error', (error) => {
    peer.error = error.code;
  });
  socket.on('connect', () => {
    peer.connected = true;
    if (request !== undefined) socket.write(request);
    if (drip !== undefined) peer.dripping = dripInto(socket, drip, dripMs);
    if (bytesPerSecond !== undefined) readInSips(peer, bytesPerSecond);
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    peer.closedAt = now();
    clearInterval(peer.sipping);
    clearInterval(peer.dripping);
  });
  if (bytesPerSecond === undefined) socket.on('data', (chunk) => read(peer, chunk));
  return peer;
}

function newCounts() {
  return { bytes: 0, commits: [], heartbeats: [], goodbye: false };
}

/** Without a listener a socket buffers a little and then takes nothing: the kernel's window fills. */
function readInSips(peer, bytesPerSecond) {
  if (bytesPerSecond === 0) return;
  const sip = Math.ceil((bytesPerSecond * SIP_MS) / 1000);
  peer.sipping = setInterval(() => {
    const chunk = peer.socket.read(Math.min(sip, Math.max(1, peer.socket.readableLength)));
    if (chunk !== null) read(peer, chunk);
  }, SIP_MS);
}

function readFreely(peer) {
  clearInterval(peer.sipping);
  peer.socket.on('data', (chunk) => read(peer, chunk));
  peer.socket.resume();
}

function dripInto(socket, text, everyMs) {
  let sent = 0;
  return setInterval(() => {
    if (sent < text.length && !socket.destroyed) socket.write(text[sent]);
    sent += 1;
  }, everyMs);
}

function read(peer, chunk) {
  const at = now();
  if (peer.bytes === 0) peer.firstAt = at;
  peer.bytes += chunk.length;
  const text = peer.text + chunk.toString('latin1');
  if (peer.status === 0) readHead(peer, text);
  // What was found is cut off, so that nothing is found twice.
  let end = 0;
  for (const match of text.matchAll(COMMIT)) {
    peer.commits.push({ revision: Number(match[1]), at });
    end = match.index + match[0].length;
  }
  for (const match of text.matchAll(/event: heartbeat\n/g)) {
    peer.heartbeats.push(at);
    end = Math.max(end, match.index + match[0].length);
  }
  peer.goodbye ||= text.includes('event: goodbye\n');
  peer.text = text.slice(Math.max(end, text.length - TAIL_CHARACTERS));
}

function readHead(peer, text) {
  const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  if (status === undefined) return;
  peer.status = Number(status);
  peer.retryAfter = Number(/\r\nretry-after: (\d+)/i.exec(text)?.[1] ?? 0);
}

function reportOf({ socket: _socket, sipping: _sipping, dripping: _dripping, text: _text, ...counts }) {
  return counts;
}

/** Of a million commits only the last of each peer: for whoever only waits. */
function briefReportOf(peer) {
  const { commits, heartbeats, ...counts } = reportOf(peer);
  return { ...counts, commits: commits.slice(-1), heartbeats: heartbeats.slice(-1) };
}

/** Microseconds of the machine's monotonic clock, which all processes share, as milliseconds. */
function now() {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
