import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { queryObjects } from 'node:v8';
import { afterEach, expect, test, vi } from 'vitest';
import type { Fetch, Listener, ListenOptions } from './listen.ts';
import { listen } from './listen.ts';

const listeners: Listener[] = [];

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.destroy();
});

async function start(options: ListenOptions = {}): Promise<Listener> {
  const address = { host: '127.0.0.1', port: 0 };
  const timeouts = { headersMs: 200, requestMs: 400, checkMs: 50 };
  const answer: Fetch = async (request) => new Response(await request.text());
  const listener = await listen(answer, address, { timeouts, ...options });
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

test('[A92] headers of 64 KB are refused with nothing but a status (SEC-16)', async () => {
  const { port } = await start();
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket
    .on('error', () => {})
    .on('data', (bytes) => {
      answer += bytes.toString();
    });
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'a'.repeat(65_536)}\r\n\r\n`);
  await once(socket, 'close');
  expect(answer.split('\r\n').filter((line) => line !== '')).toEqual([
    'HTTP/1.1 431 Request Header Fields Too Large',
    'Connection: close',
  ]);
});

test('[A93] a connection beyond the limit is closed and told, and there is room again when another leaves', async () => {
  const onDropped = vi.fn();
  const timeouts = { headersMs: 60_000, requestMs: 60_000, checkMs: 60_000 };
  const { port } = await start({ timeouts, connectionsMax: 2, onDropped });
  const [first] = await Promise.all([connectTo(port), connectTo(port)]);
  const third = await connectTo(port);
  await once(third, 'close');
  expect(onDropped).toHaveBeenCalledTimes(1);
  first.destroy();
  await vi.waitFor(async () => {
    const body = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: 'room' });
    expect(await body.text()).toBe('room');
  });
});

test('[A94] nothing is kept of a connection that broke amid a request', async () => {
  const { port } = await start({ timeouts: { headersMs: 60_000, requestMs: 60_000, checkMs: 60_000 } });
  const kept = (): number => queryObjects(ServerResponse, { format: 'count' });
  const before = kept();
  // Each count walks the whole heap.
  const patience = { timeout: 10_000 };
  const peers = await Promise.all(Array.from({ length: 20 }, () => connectTo(port)));
  for (const peer of peers) peer.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
  await vi.waitFor(() => expect(kept()).toBeGreaterThanOrEqual(20), patience);
  for (const peer of peers) peer.resetAndDestroy();
  await vi.waitFor(() => expect(kept()).toBeLessThanOrEqual(before), patience);
});

async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  return socket;
}
