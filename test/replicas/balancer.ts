import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, connect as dial } from 'node:net';

/** Gives each connection to the next of its servers in turn, as a balancer before them does. */
export interface Balancer {
  readonly url: string;
  add(port: number): void;
  close(): Promise<void>;
}

export async function startBalancer(first: readonly number[]): Promise<Balancer> {
  const ports = [...first];
  let turn = 0;
  const server = createServer((client) => {
    turn += 1;
    const upstream = dial(ports[turn % ports.length] ?? 0, '127.0.0.1');
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (port) => void ports.push(port),
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
