import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Listener } from './listen.ts';
import { listen } from './listen.ts';

const listeners: Listener[] = [];

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.destroy();
});

async function start(): Promise<Listener> {
  const address = { host: '127.0.0.1', port: 0 };
  const timeouts = { headersMs: 200, requestMs: 400, checkMs: 50 };
  const listener = await listen(async (request) => new Response(await request.text()), address, { timeouts });
  listeners.push(listener);
  return listener;
}

test.each([
  ['never speaks', ''],
  ['does not finish its headers', 'GET / HTTP/1.1\r\nhost: x\r\n'],
  ['does not finish its body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf'],
])('[A92] a connection that %s in time is closed (SEC-16)', async (_what, text) => {
  const { port } = await start();
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume().write(text);
  await once(socket, 'close');
});

test('[A92] a thousand connections at once are all taken', async () => {
  const { port } = await start();
  const sockets = Array.from({ length: 1_000 }, () => connect(port, '127.0.0.1'));
  let connected = 0;
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.once('connect', () => {
      connected += 1;
    });
  }
  await vi.waitFor(() => expect(connected).toBe(1_000), { timeout: 3_000 });
  for (const socket of sockets) socket.destroy();
});
