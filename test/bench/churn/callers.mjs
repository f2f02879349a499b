// Opens streams and leaves them at once, again and again, in every way in which a peer can leave.
import { connect } from 'node:net';

/** Sockets of this process at the same time. */
const CALLERS = 50;
/** Source addresses in use: a port that was left is not free for a minute. */
const ADDRESSES = 200;

process.on('message', async ({ port, request, count, network }) => {
  let begun = 0;
  const call = async () => {
    while (begun < count) {
      begun += 1;
      await callOnce({ port, request, turn: begun, from: `127.0.${network}.${1 + (begun % ADDRESSES)}` });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  process.send('done');
});
process.on('disconnect', () => process.exit(0));

/** One in ten leaves before the answer, the others after its first bytes; half of them with a reset. */
function callOnce({ port, request, turn, from }) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    const leave = () => {
      if (turn % 2 === 0) socket.resetAndDestroy();
      else socket.end();
    };
    socket.on('error', () => {});
    socket.on('close', resolve);
    socket.on('connect', () => {
      socket.write(request);
      if (turn % 10 === 0) leave();
    });
    socket.once('data', leave);
    socket.resume();
  });
}
