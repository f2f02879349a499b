import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { afterEach, expect, test, vi } from 'vitest';
import type { Fetch, Listener, ListenOptions } from './listen.ts';
import { listen } from './listen.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

/** A peer has all the time in the world. */
const NO_HURRY = { headersMs: 60_000, requestMs: 60_000, checkMs: 60_000, idleMs: 60_000 };

const listeners: Listener[] = [];

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.destroy();
});

const echo: Fetch = async (request) => new Response(await request.text());

async function start(options: ListenOptions = {}, answer = echo): Promise<Listener> {
  const address = { host: '127.0.0.1', port: 0 };
  const timeouts = { headersMs: 200, requestMs: 400, checkMs: 50 };
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
  const { port } = await start({ timeouts: NO_HURRY });
  const sockets = Array.from({ length: 1_000 }, () => connect(port, '127.0.0.1'));
  let connected = 0;
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.once('connect', () => {
      connected += 1;
    });
  }
  await vi.waitFor(() => expect(connected).toBe(1_000), PATIENTLY);
  for (const socket of sockets) socket.destroy();
});

test('[A92] headers of 64 KB are refused with nothing but a status (SEC-16)', async () => {
  const { port } = await start({ timeouts: NO_HURRY });
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
  const { port } = await start({ timeouts: NO_HURRY, connectionsMax: 2, onDropped });
  const [first] = await Promise.all([connectTo(port), connectTo(port)]);
  const third = await connectTo(port);
  await once(third, 'close');
  expect(onDropped).toHaveBeenCalledTimes(1);
  first.destroy();
  await vi.waitFor(async () => {
    const body = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: 'room' });
    expect(await body.text()).toBe('room');
  }, PATIENTLY);
});

test('[A95] an idle connection is kept for longer than clients are told', async () => {
  const { port } = await start({ timeouts: { idleMs: 1_000 } });
  const socket = await connectTo(port);
  const text: string[] = [];
  socket.on('data', (bytes) => text.push(String(bytes)));
  const answers = (): number => text.join('').split('HTTP/1.1 200').length - 1;
  const request = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi';
  socket.write(request);
  await vi.waitFor(() => expect(answers()).toBe(1), PATIENTLY);
  expect(text.join('').match(/^keep-alive: .*$/gim)).toEqual(['keep-alive: timeout=1']);
  await sleep(1_500);
  socket.write(request);
  await vi.waitFor(() => expect(answers()).toBe(2), PATIENTLY);
  socket.destroy();
});

test('[A94] nothing is kept of a connection that broke amid a request', async () => {
  const bodies: Promise<unknown>[] = [];
  const { port } = await start({ timeouts: NO_HURRY }, async (request) => {
    const body = request.text();
    bodies.push(body.catch((cause: unknown) => cause));
    return new Response(await body);
  });
  const kept = (): number => queryObjects(ServerResponse, { format: 'count' });
  const before = kept();
  const peers = await Promise.all(Array.from({ length: 20 }, () => connectTo(port)));
  for (const peer of peers) peer.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
  await vi.waitFor(() => expect(bodies).toHaveLength(20), PATIENTLY);
  // Each count walks the whole heap: on a busy machine that takes seconds.
  expect(kept()).toBeGreaterThanOrEqual(20);
  for (const peer of peers) peer.resetAndDestroy();
  await Promise.all(bodies);
  await vi.waitFor(() => expect(kept()).toBeLessThanOrEqual(before), PATIENTLY);
});

async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  return socket;
}
