// Holds many streams and notes when each of them has received a revision. Raw sockets: the less this process
// does, the more of the time that it measures is the server's.
import { connect } from 'node:net';

/** How many connections are being opened at the same time. */
const OPENING_MAX = 100;

/** Stands for the number of a stream, and is as long, so that a Content-Length stays right. */
const INDEX = '%INDEX%';

const groups = new Map();

process.on('message', async ({ type, ...message }) => {
  if (type === 'open') await open(message);
  else if (type === 'expect') expectRevision(message);
  else if (type === 'close') process.exit(0);
});

/** Opens `count` streams to a server, and answers when each has received its first bytes. */
async function open({ group, port, request, first, count, from }) {
  const sockets = [];
  groups.set(group, { sockets, arrivals: [], marker: undefined });
  let started = 0;
  const openNext = async () => {
    while (started < count) {
      const index = String(first + started).padStart(INDEX.length, '0');
      started += 1;
      sockets.push(await openOne(group, port, request.replaceAll(INDEX, index), from));
    }
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, openNext));
  process.send({ type: 'opened', group });
}

function openOne(group, port, request, from) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    socket.once('error', reject);
    socket.once('data', () => {
      socket.on('data', (chunk) => note(groups.get(group), socket, chunk));
      resolve(socket);
    });
    socket.write(request);
  });
}

function expectRevision({ group, revision }) {
  const state = groups.get(group);
  state.marker = Buffer.from(`{"revision":${revision},`);
  state.arrivals = [];
  state.seen = new Set();
  process.send({ type: 'expecting', group });
}

function note(state, socket, chunk) {
  if (state.marker === undefined || state.seen.has(socket) || !chunk.includes(state.marker)) return;
  state.arrivals.push(Number(process.hrtime.bigint()));
  state.seen.add(socket);
  if (state.arrivals.length < state.sockets.length) return;
  state.marker = undefined;
  process.send({ type: 'received', arrivals: state.arrivals });
}

process.on('disconnect', () => process.exit(0));
