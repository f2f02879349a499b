import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';

/** A TCP proxy that can let a path's bytes from the server vanish, as a half-open link does. */
export interface SwallowingProxy {
  readonly url: string;
  /** From now on, connections that asked for this path deliver nothing more, and are never closed. */
  swallow(path: string): void;
  /** New connections are whole again. */
  mend(): void;
  close(): Promise<void>;
}

/** @param target - Where connections lead: `http://127.0.0.1:4400`. */
export async function createSwallowingProxy(target: string): Promise<SwallowingProxy> {
  const sockets = new Set<Socket>();
  let swallowed: string | undefined;
  const server = createServer((client) => {
    const { hostname, port } = new URL(target);
    const upstream = dial(Number(port), hostname);
    const link = { path: '', dead: false };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      link.path = /^[A-Z]+ (\S+)/.exec(bytes.toString('latin1'))?.[1] ?? link.path;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      link.dead ||= swallowed !== undefined && link.path.startsWith(swallowed);
      if (!link.dead) client.write(bytes);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      if (!link.dead) client.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    url: `http://127.0.0.1:${address.port}`,
    swallow(path) {
      swallowed = path;
    },
    mend() {
      swallowed = undefined;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
