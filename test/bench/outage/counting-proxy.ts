import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** Passes connections on, and counts them. */
export interface CountingProxy {
  readonly port: number;
  /** How many connections were asked for so far. */
  attempts(): number;
  close(): void;
}

/** @param target - A port of this machine. What cannot be passed on is cut off. */
export async function startCountingProxy(target: number): Promise<CountingProxy> {
  const open = new Set<Socket>();
  let attempts = 0;
  const server = createServer((client) => {
    attempts += 1;
    const database = connect(target, '127.0.0.1');
    client.pipe(database).pipe(client);
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    attempts: () => attempts,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
