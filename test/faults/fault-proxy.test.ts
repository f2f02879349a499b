import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChunkedBody, chunkOf, FrameSplitter } from './chunked-body.ts';
import { type FaultProxy, type ProxyFaults, startFaultProxy } from './fault-proxy.ts';
import { FrameEditor } from './frame-editor.ts';
import { seededRandom } from './seeded-random.ts';

const FRAMES = ['hello', 'put', 'put', 'commit', 'heartbeat', 'put', 'commit'].map(
  (event, index) => `event: ${event}\ndata: {"n":${index}}\n\n`,
);
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

let server: Server;
let proxy: FaultProxy;
let asked = 0;

beforeEach(async () => {
  asked = 0;
  server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of FRAMES) response.write(frame);
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultProxy((server.address() as AddressInfo).port, () => 0.5);
});

afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  server.close();
});

const harmless: readonly ProxyFaults[] = [
  {},
  { splitAt: 1 },
  { splitAt: 3, delayMs: 1, jitterMs: 3 },
  { bytesPerSecond: 50_000 },
  { bufferUntilBytes: 100_000 },
];

test.each(harmless)('[H1] %o keeps every byte in order', async (faults) => {
  proxy.set(faults);
  expect(await body()).toBe(FRAMES.join(''));
});

test('[H1] a frame is dropped or repeated, and hello and heartbeats are not counted', async () => {
  proxy.set({ dropFrame: 2 });
  expect(await body()).toBe(FRAMES.filter((_, index) => index !== 2).join(''));
  proxy.set({ repeatFrame: 3 });
  expect(await body()).toBe(
    FRAMES.flatMap((frame, index) => (index === 3 ? [frame, frame] : [frame])).join(''),
  );
  expect(await body(), 'an edit is made once').toBe(FRAMES.join(''));
  expect(proxy.counts.edited).toBe(2);
});

test.each([503, 429, 401])('[H1] %i is answered without the server', async (answerStatus) => {
  proxy.set({ answerStatus });
  const response = await fetch(proxy.url, { headers: { connection: 'close' } });
  await response.text();
  expect(response.status).toBe(answerStatus);
  expect(asked).toBe(0);
});

test('[H1] a connection is reset after so many bytes', async () => {
  proxy.set({ cutAfterBytes: 20 });
  await expect(body()).rejects.toThrow();
});

test('[H1] what is swallowed never comes, and no end is told', async () => {
  proxy.set({ swallow: 'down' });
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes;
  });
  socket.on('end', () => {
    heard += 'end';
  });
  socket.on('error', () => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await expect.poll(() => proxy.counts.swallowed).toBeGreaterThan(0);
  proxy.set({});
  // The server has ended by now: on a link that works the end would be here at once.
  expect(await body()).toBe(FRAMES.join(''));
  expect(heard).toBe('');
  socket.destroy();
});

test('[H1] without edits the editor is the identity of a body, however its bytes are split', () => {
  const wire = Buffer.from(`${HEAD}${FRAMES.map((frame) => chunkOf(Buffer.from(frame))).join('')}0\r\n\r\n`);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const editor = new FrameEditor(
        () => ({}),
        () => {},
      );
      const sent = Buffer.concat(pieces(wire, sizes).map((piece) => editor.push(piece)));
      const body = new ChunkedBody();
      const decoded = body.push(sent.subarray(sent.indexOf('\r\n\r\n') + 4));
      expect(decoded.toString()).toBe(FRAMES.join(''));
      expect(body.ended).toBe(true);
      expect(new FrameSplitter().push(decoded)).toHaveLength(FRAMES.length);
    }),
  );
});

test('[H2] one seed draws the same numbers, and a fork does not move the others', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const [one, other] = [seededRandom(seed), seededRandom(seed)];
      one.fork('clients').next();
      const draws = Array.from({ length: 20 }, () => [one.between(3, 9), other.between(3, 9)] as const);
      for (const [left, right] of draws) {
        expect(left).toBe(right);
        expect(left).toBeGreaterThanOrEqual(3);
        expect(left).toBeLessThanOrEqual(9);
      }
    }),
  );
});

function pieces(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const end = start + (sizes[turn % sizes.length] ?? 1);
    found.push(bytes.subarray(start, end));
    start = end;
  }
  return found;
}

async function body(): Promise<string> {
  const response = await fetch(proxy.url, { headers: { connection: 'close' } });
  return response.body === null ? '' : text(response.body);
}
