import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { DimmerOptions } from './options.ts';
import { systemPlatform } from './platform.ts';
import type { ServerStream, StreamHandler, StreamServer } from './stream-server.fixture.ts';
import { fixedFlag, streamServer } from './stream-server.fixture.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const user = { targetingKey: 'user-1' };
const objects = [fixedFlag('a', 1, true), fixedFlag('b', 1, 'blå 🎚')];
const platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: { ...systemPlatform.timing, retryBaseMs: 20, retryMaxMs: 100 },
};
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(handler: StreamHandler): Promise<StreamServer> {
  const server = await streamServer(handler);
  cleanups.push(() => server.close());
  return server;
}

function dimmer(url: string, options: Partial<DimmerOptions> = {}): Dimmer {
  const flags = new Dimmer(
    { url, key: `dim_srv_${'a'.repeat(32)}`, cache: false, reports: false, ...options },
    platform,
  );
  cleanups.push(() => flags.close());
  return flags;
}

/** Sends a transfer after it was changed, in pieces of so many bytes. */
function sending(change: (text: string) => string, pieceBytes: number): StreamHandler {
  return (stream) => {
    const bytes = Buffer.from(change(transferOf(stream)));
    void (async () => {
      stream.raw('');
      for (let start = 0; start < bytes.length; start += pieceBytes) {
        stream.response.write(bytes.subarray(start, start + pieceBytes));
        await new Promise(setImmediate);
      }
    })();
  };
}

/** The text of a whole transfer, unsent. */
function transferOf(stream: ServerStream): string {
  const written: string[] = [];
  const { raw } = stream;
  stream.raw = (bytes) => {
    written.push(bytes);
    return stream;
  };
  stream.full(1, objects);
  stream.raw = raw;
  return written.join('');
}

const mixed = (text: string): string => {
  const ends = ['\n', '\r', '\r\n'];
  let line = 0;
  return text.replaceAll('\n', () => ends[line++ % ends.length] ?? '\n');
};

test.each<[string, (text: string) => string, number]>([
  ['split at every byte', (text) => text, 1],
  ['split at every byte, with CR LF', (text) => text.replaceAll('\n', '\r\n'), 1],
  // Whether a CR is all of an end of a line tells the byte behind it: here that of the next comment.
  ['split at every byte, with CR', (text) => `${text}:\n`.replaceAll('\n', '\r'), 1],
  ['with all ends of lines mixed', mixed, 3],
  ['behind a byte order mark', (text) => `\uFEFF${text}`, 1],
  ['with NUL in an id', (text) => text.replace('event: commit', 'id: e1\0:1\nevent: commit'), 5],
])('[N50] frames %s are read as they were meant (SDK-16)', async (_, change, pieceBytes) => {
  const server = await serve(sending(change, pieceBytes));
  const flags = dimmer(server.url);
  expect((await flags.ready({ timeoutMs: 10_000 })).state).toBe('LIVE');
  expect([flags.boolean('a', user, false), flags.string('b', user, '')]).toEqual([true, 'blå 🎚']);
  expect(server.requests).toHaveLength(1);
});

test('[N50] 10 MB without the end of a line end the stream, and the memory is given back (SDK-16)', async () => {
  const piece = 'x'.repeat(65_536);
  let floods = 0;
  const server = await serve((stream) => {
    if (floods === 5) {
      stream.full(1, objects);
      return;
    }
    floods += 1;
    stream.raw('data: ');
    for (let sent = 0; sent < 10_000_000; sent += piece.length) stream.raw(piece);
  });
  collect();
  const before = process.memoryUsage().heapUsed;
  const flags = dimmer(server.url);
  await vi.waitFor(() => expect(flags.status().state).toBe('LIVE'), { timeout: 20_000, interval: 10 });
  for (let pass = 0; pass < 3; pass += 1) collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  expect(floods).toBe(5);
});

test('[N14] an operator, a reason to go and a field of a newer server disturb nothing else (SDK-11)', async () => {
  const when = { attribute: 'age', op: 'quantum', values: [1] } as never;
  const newer = fixedFlag('newer', 1, true, { rules: [{ id: 'r', when, serve: { variation: 'given' } }] });
  const algorithm = 'murmur9-1m' as never;
  const rollout = { by: 'targetingKey', algorithm, seed: 1, ranges: [[0, 100_000, 'given']] } as never;
  const rolled = fixedFlag('rolled', 1, true, { fallthrough: { rollout } });
  const sent = [...objects, newer, rolled];
  const server = await serve((stream) => stream.hello('full', 1).send('glitter', { a: 1 }).commit(1, sent));
  const flags = dimmer(server.url);
  await flags.ready();
  expect(flags.boolean('a', user, false)).toBe(true);
  for (const key of ['newer', 'rolled']) {
    expect(flags.detail(key, user, true), key).toMatchObject({
      value: false,
      variation: 'off',
      errorCode: 'UNSUPPORTED',
    });
  }
});

test('[N13] close with a stream, a poll and a flush pending settles within 2 seconds (SDK-14)', async () => {
  const handlers: string[] = [];
  const server = await serve((stream) => {
    const path = stream.response.req.url ?? '';
    handlers.push(path);
    if (!path.startsWith('/sdk/v1/stream')) return;
    stream.full(1, objects);
  });
  const timing = { ...platform.timing, checkIntervalMs: 50 };
  const directory = '/proc/dimmer/cache';
  const flags = new Dimmer(
    { url: server.url, key: `dim_srv_${'a'.repeat(32)}`, cache: { directory } },
    { ...platform, timing, cacheDelayMs: 60_000 },
  );
  await flags.ready();
  flags.track('viewed', user);
  await vi.waitFor(
    () => expect(handlers.some((path) => path.startsWith('/sdk/v1/snapshot'))).toBe(true),
    PATIENTLY,
  );
  server.reportStatus = 500;
  const startedAt = performance.now();
  await flags.close();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await vi.waitFor(() => expect(server.open.size).toBe(0), PATIENTLY);
});
