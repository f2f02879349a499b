import { createServer } from 'node:net';

/** Where nothing listens any more. */
export function deadUrl() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(`http://127.0.0.1:${port}`));
    });
  });
}

/**
 * Of a server that takes connections and never says a word.
 *
 * @param opened - Where it is put, to be closed.
 */
export function silentUrl(opened) {
  const sockets = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  opened.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}
