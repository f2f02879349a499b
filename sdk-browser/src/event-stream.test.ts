import type { StreamEnd } from '@dimmer/follower';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventStream } from './event-stream.ts';

interface Heard {
  readonly events: (readonly [name: string, data: string])[];
  readonly retries: number[];
  readonly end: StreamEnd;
}

const TEXT = [
  ': welcome\n\n',
  'event: hello\ndata: {"protocol":1}\n\n',
  'id: e1:7\0\nevent:put\ndata:{"key":"blå 🎚"}\n\n',
  'retry: 1500\nretry: soon\n\n',
  'event: commit\ndata: {"a":\ndata: 1}\nsurprise\n\n',
  'data\n\n',
  'event: heartbeat\n\n',
  'data: never ends',
].join('');

const EVENTS = [
  ['hello', '{"protocol":1}'],
  ['put', '{"key":"blå 🎚"}'],
  ['commit', '{"a":\n1}'],
  ['', ''],
];

/** What is heard of a stream whose body comes in these pieces. */
function hear(pieces: Iterable<Uint8Array>): Promise<Heard> {
  const rest = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = rest.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const post = async (): Promise<Response> =>
    new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
  const events: Heard['events'] = [];
  const retries: number[] = [];
  return new Promise((resolve) => {
    eventStream({ post, headers: {}, who: {}, current: () => null }, true).open(undefined, {
      event: (name, data) => events.push([name, data]),
      retry: (delayMs) => retries.push(delayMs),
      ended: (end) => resolve({ events, retries, end }),
    });
  });
}

function* piecesOf(text: string, bytes: number): Generator<Uint8Array> {
  const all = new TextEncoder().encode(text);
  for (let start = 0; start < all.length; start += bytes) yield all.subarray(start, start + bytes);
}

function mixed(text: string): string {
  const ends = ['\n', '\r', '\r\n'];
  let line = 0;
  return text.replaceAll('\n', () => ends[line++ % ends.length] ?? '\n');
}

test.each<[string, (text: string) => string]>([
  ['LF', (text) => text],
  ['CR LF', (text) => text.replaceAll('\n', '\r\n')],
  ['CR', (text) => text.replaceAll('\n', '\r')],
  ['all of them', mixed],
  ['LF, behind a byte order mark', (text) => `\uFEFF${text}`],
])('[B36] lines that end with %s are read in pieces of any size (SDK-16)', async (_ends, change) => {
  for (const bytes of [1, 2, 3, 7, 10_000]) {
    const { events, retries, end } = await hear(piecesOf(change(TEXT), bytes));
    expect(events, `${bytes} bytes`).toEqual(EVENTS);
    expect(retries).toEqual([1_500]);
    expect(end).toEqual({ message: 'the stream ended' });
  }
});

test('[B36] the same is heard wherever the bytes are split (SDK-16)', async () => {
  const all = new TextEncoder().encode(mixed(TEXT));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(all.length)), async (places) => {
      const cuts = [0, ...places.sort((one, other) => one - other), all.length];
      const pieces = cuts.slice(1).map((cut, index) => all.subarray(cuts[index], cut));
      expect((await hear(pieces)).events).toEqual(EVENTS);
    }),
  );
});

test.each([
  ['a line', 'x', ''],
  ['lines of data', 'data: x\n', ''],
])('[B35] 10 MB of %s without an end are not kept (SDK-16)', async (_what, unit) => {
  const piece = new TextEncoder().encode(unit.repeat(65_536 / unit.length));
  let sent = 0;
  function* endless(): Generator<Uint8Array> {
    for (; sent < 10_485_760; sent += piece.length) yield piece;
  }
  expect((await hear(endless())).end).toEqual({ message: 'a message is too long' });
  expect(sent).toBeLessThan(9_000_000);
});

test('[B35] any number of messages that end is read', async () => {
  const message = new TextEncoder().encode(`event: put\ndata: ${'x'.repeat(65_536)}\n\n`);
  const { events, end } = await hear(Array.from({ length: 64 }, () => message));
  expect(events).toHaveLength(64);
  expect(end).toEqual({ message: 'the stream ended' });
});
