import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LiveServer } from './live-server.ts';
import { booleanFlag, startLive } from './live-server.ts';
import { loadOfrepDescription } from './ofrep-description.ts';
import type { RawEvents } from './raw-events.ts';
import { openRaw } from './raw-events.ts';

const HOUR_MS = 3_600_000;
const ENVIRONMENT = '/api/v1/projects/default/environments/production';
const description = loadOfrepDescription();
const streams: RawEvents[] = [];
let server: LiveServer;
let aheadMs = 0;

beforeEach(async () => {
  aheadMs = 0;
  server = await startLive({
    clock: { now: () => Date.now() + aheadMs },
    environment: { DIMMER_STREAMS_PER_KEY_MAX: '3' },
  });
  await server.declare([
    booleanFlag('a', false),
    booleanFlag('hidden', false, {}, { exposeToClients: false }),
  ]);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await server.close();
});

interface Bulk {
  readonly etag: string;
  readonly cursor: string;
  /** Of its event stream. */
  readonly url: string;
}

async function bulk(key = server.clientKey): Promise<Bulk> {
  const response = await fetch(`${server.url}/ofrep/v1/evaluate/flags`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: '{"context":{}}',
  });
  const { metadata, eventStreams } = (await response.json()) as {
    metadata: { epoch: string; revision: number };
    eventStreams: [{ endpoint: { requestUri: string } }];
  };
  return {
    etag: response.headers.get('etag') ?? '',
    cursor: `${metadata.epoch}:${metadata.revision}`,
    url: server.url + eventStreams[0].endpoint.requestUri,
  };
}

async function open(url: string, lastEventId?: string): Promise<RawEvents> {
  const stream = await openRaw(url, lastEventId);
  streams.push(stream);
  return stream;
}

function turn(on: boolean, flag = 'a'): Promise<number> {
  return server.patch(flag, { fallthrough: { variation: on ? 'on' : 'off' } });
}

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 40_000, interval: 5 });
}

/** The data of every event, in order. */
function dataOf(stream: RawEvents): { type: string; etag?: string; lastModified?: number }[] {
  return [...stream.text().matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''));
}

function typesOf(stream: RawEvents): string[] {
  return dataOf(stream).map(({ type }) => type);
}

test('[OF10] the URL alone opens a stream, which gives an id at once and nothing to a current client', async () => {
  const { url, cursor } = await bulk();
  const stream = await open(url);
  await until(() => expect(typesOf(stream)).toEqual(['hello']));
  expect(stream.text()).toMatch(new RegExp(`^retry: [1-4]\\d{3}\nid: ${cursor}\ndata: `));
});

test('[OF10] a client that is behind its URL is told at once; its last event counts for more', async () => {
  const { url } = await bulk();
  await turn(true);
  const behind = await open(url);
  await until(() => expect(typesOf(behind)).toEqual(['hello', 'refetchEvaluation']));
  const current = await open(url, (await bulk()).cursor);
  await until(() => expect(typesOf(current)).toEqual(['hello']));
  const stranger = await open(url, 'another:999');
  await until(() => expect(typesOf(stranger)).toEqual(['hello', 'refetchEvaluation']));
});

test('[OF11] a change that the key sees is one event with id, ETag and time; another moves the id alone', async () => {
  const [forClient, forServer] = [await bulk(), await bulk(server.serverKey)];
  const [client, whole] = [await open(forClient.url), await open(forServer.url)];
  const epoch = forClient.cursor.split(':')[0];

  const hidden = await turn(true, 'hidden');
  await until(() => expect(client.text()).toContain(`\nid: ${epoch}:${hidden}\n\n`));
  await until(() => expect(typesOf(whole)).toEqual(['hello', 'refetchEvaluation']));
  expect(typesOf(client)).toEqual(['hello']);

  const seen = await turn(true);
  await until(() => expect(typesOf(client)).toEqual(['hello', 'refetchEvaluation']));
  const event = dataOf(client).at(-1);
  expect(event).toMatchObject({ etag: `${epoch}:${seen}` });
  expect(Math.abs((event?.lastModified ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  if (description !== undefined) expect(description.faultsOfEvent(event)).toBeUndefined();
});

test('[OF12] what was altered, is of another key, or has expired, opens nothing', async () => {
  const { url } = await bulk();
  const other = await bulk(server.serverKey);
  const altered = ['key', 'expires', 'since', 'signature'].map((name) => {
    const changed = new URL(url);
    const value = changed.searchParams.get(name) ?? '';
    changed.searchParams.set(
      name,
      value.replace(/.$/, (last) => (last === '1' ? '2' : '1')),
    );
    return changed.href;
  });
  const borrowed = new URL(url);
  borrowed.searchParams.set('key', new URL(other.url).searchParams.get('key') ?? '');
  const nothing = `${server.url}/ofrep/v1/stream`;
  for (const bad of [...altered, borrowed.href, nothing]) expect((await open(bad)).status).toBe(401);
  expect((await open(url)).status).toBe(200);
  aheadMs = 2 * HOUR_MS;
  expect((await open(url)).status).toBe(401);
});

test('[OF12] the ETag changes with the hour, so that no 304 leaves a client with a URL that has expired', async () => {
  const before = await bulk();
  aheadMs = HOUR_MS;
  const after = await bulk();
  expect(after.etag).not.toBe(before.etag);
  expect((await open(before.url)).status).toBe(200);
  expect((await open(after.url)).status).toBe(200);
});

test('[OF12] a key that is deleted ends its streams, and opens no more', async () => {
  const made = await server.rest('POST', `${ENVIRONMENT}/keys`, { kind: 'client', name: 'page' });
  const { secret, id } = made as { secret: string; id: string };
  const { url } = await bulk(secret);
  const stream = await open(url);
  await server.rest('DELETE', `${ENVIRONMENT}/keys/${id}`);
  await stream.ended;
  expect(stream.text()).toMatch(/\nretry: \d+\n\n$/);
  expect((await open(url)).status).toBe(401);
});

test('[OF13] a stream beyond a limit is told when to come back, in words that an EventSource obeys', async () => {
  const { url } = await bulk();
  for (let count = 0; count < 3; count += 1) expect((await open(url)).status).toBe(200);
  const refused = await open(url);
  await refused.ended;
  expect(refused.status).toBe(200);
  expect(refused.text()).toMatch(/^retry: \d{4,5}\n\n$/);
});

test('[OF13] a closing server says when to come back', async () => {
  const stream = await open((await bulk()).url);
  await until(() => expect(typesOf(stream)).toEqual(['hello']));
  await Promise.all([server.close(), stream.ended]);
  expect(stream.text()).toMatch(/\n\nretry: \d+\n\n$/);
});
