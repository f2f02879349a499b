import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_TIMING } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { DimmerOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { systemPlatform } from './platform.ts';
import type { StreamHandler, StreamServer } from './stream-server.fixture.ts';
import { fixedFlag, snapshotDocument, streamServer } from './stream-server.fixture.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const user = { targetingKey: 'user-1' };
const on1 = fixedFlag('a', 1, true);
const off2 = fixedFlag('a', 2, false);
const b1 = fixedFlag('b', 1, 'blue');

/** Real time, a twentieth of the patience; a busy machine may take as long as it does to answer. */
const fast: Platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: {
    ...DEFAULT_TIMING,
    silenceMinMs: 10,
    retryBaseMs: 20,
    retryMaxMs: 100,
    staleAfterMs: 300,
    refusedMinMs: 100,
    refusedMaxMs: 150,
  },
  cacheDelayMs: 5,
};

/** Nobody listens there; the port was free a moment ago. */
let nowhere = '';

beforeAll(async () => {
  const server = await streamServer(() => undefined);
  nowhere = server.url;
  await server.close();
});

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(handler: StreamHandler): Promise<StreamServer> {
  const server = await streamServer(handler);
  cleanups.push(() => server.close());
  return server;
}

function dimmer(url: string, options: Partial<DimmerOptions> = {}, platform: Platform = fast): Dimmer {
  const flags = new Dimmer({ url, key, cache: false, ...options }, platform);
  cleanups.push(() => flags.close());
  return flags;
}

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}

/** Answers with a full transfer of what it is given. */
function serving(revision: number, objects: readonly WireObject[]): StreamHandler {
  return (stream) => stream.full(revision, objects);
}

test('a client goes live and serves what the stream brought', async () => {
  const server = await serve(serving(1, [on1, b1]));
  const flags = dimmer(server.url);
  expect((await flags.ready()).state).toBe('LIVE');
  expect(flags.boolean('a', user, false)).toBe(true);
  expect(flags.string('b', user, 'red')).toBe('blue');
  expect(server.requests).toEqual([{ since: null, authorization: `Bearer ${key}` }]);
});

test('a path in front of the routes is kept', async () => {
  const seen: (string | undefined)[] = [];
  const server = await serve((stream) => {
    seen.push(stream.response.req.url);
    stream.full(1, [on1]);
  });
  await dimmer(`${server.url}/flags`).ready();
  expect(seen).toEqual(['/flags/sdk/v1/stream']);
});

test('[N12] without server, cache and bootstrap, ready settles in time and fallbacks are served', async () => {
  const flags = dimmer(nowhere);
  expect((await flags.ready({ timeoutMs: 50 })).state).toBe('DEFAULTS');
  expect(flags.boolean('a', user, true)).toBe(true);
  expect(flags.detail('a', user, true)).toMatchObject({
    reason: 'ERROR',
    errorCode: 'NOT_READY',
    source: null,
  });
});

test('[N12] ready rejects only when it was asked to', async () => {
  const flags = dimmer(nowhere, { onColdStart: 'fail' });
  await expect(flags.ready({ timeoutMs: 50 })).rejects.toThrow(/has no flags.*bootstrap/);
});

test('[N11] a bootstrap is served as soon as the constructor returns, and ready does not wait long for it', async () => {
  const flags = dimmer(nowhere, { bootstrap: snapshotDocument(7, [on1]) });
  expect(flags.boolean('a', user, false)).toBe(true);
  expect(await flags.ready({ timeoutMs: 60_000 })).toMatchObject({ state: 'BOOTSTRAP', revision: 7 });
});

test('[N11] a bootstrap file is served, and a broken one is warned about', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'dimmer-test-')), 'flags.json');
  writeFileSync(path, JSON.stringify(snapshotDocument(7, [on1])));
  expect(dimmer(nowhere, { bootstrap: path }).boolean('a', user, false)).toBe(true);
  writeFileSync(path, '{"protocol":1');
  const warn = vi.fn();
  const flags = dimmer(nowhere, { bootstrap: path, logger: { warn, error: warn } });
  expect(flags.status().source).toBeNull();
  expect(warn).toHaveBeenCalledOnce();
});

test('the object that was given as a bootstrap is left as it was', () => {
  const document = snapshotDocument(1, [fixedFlag('j', 1, { a: [1] })]);
  const flags = dimmer(nowhere, { bootstrap: document });
  expect(Object.isFrozen(flags.json('j', user, {}))).toBe(true);
  expect(Object.isFrozen(document.objects[0])).toBe(false);
});

test('[N14] a 503 is tried again after Retry-After, a 401 keeps the values and is tried again', async () => {
  const statuses = [503, 401, 200];
  const server = await serve((stream) => {
    const status = statuses.shift() ?? 200;
    if (status === 200) stream.full(1, [on1]);
    else stream.refuse(status, { 'retry-after': '0' });
  });
  const flags = dimmer(server.url, { bootstrap: snapshotDocument(1, [off2]) });
  const states: string[] = [];
  flags.onStatus(({ state }) => states.push(state));
  await until(() => expect(flags.status().state).toBe('LIVE'));
  expect(states).toEqual(['REFUSED', 'LIVE']);
  expect(flags.boolean('a', user, false)).toBe(true);
});

test.each([204, 400, 404, 429, 500])('[N14] %i on the first attempt is not final', async (status) => {
  const server = await serve((stream) => stream.refuse(status));
  const flags = dimmer(server.url);
  await until(() => expect(flags.status().lastError).toMatchObject({ status }));
  server.handler = serving(1, [on1]);
  await until(() => expect(flags.boolean('a', user, false)).toBe(true));
});

test('a stream that is cut resumes from its cursor and keeps the values meanwhile', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url, {}, { ...fast, timing: { ...fast.timing, staleAfterMs: 60_000 } });
  await flags.ready();
  server.handler = (stream) => stream.hello('delta', 2).commit(2, [off2]);
  const seen: unknown[] = [];
  flags.onStatus(({ state }) => seen.push(state, flags.boolean('a', user, false)));
  server.cut();
  await flags.waitForRevision(2);
  await until(() => expect(seen).toEqual(['INTERRUPTED', true, 'LIVE', false]));
  expect(server.requests[1]?.since).toBe('e1:1');
});

test('[N4] a cut in the middle of a frame applies nothing of it', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url);
  await flags.ready();
  server.handler = (stream) => {
    stream.hello('delta', 2).send('put', off2).raw('event: commit\ndata: {"revision":2,"dig');
    setTimeout(() => stream.cut(), 5);
  };
  server.cut();
  await until(() => expect(server.requests.length).toBeGreaterThan(3));
  expect(flags.boolean('a', user, false)).toBe(true);
  expect(flags.status().revision).toBe(1);
});

test('[N14] garbage ends the stream, the last good snapshot stays, and everything is asked for again', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url);
  await flags.ready();
  for (const stream of server.open) stream.raw('event: commit\ndata: {"revision": "two"}\n\n');
  await until(() => expect(server.requests.length).toBeGreaterThan(1));
  expect(server.requests[1]?.since).toBeNull();
  expect(flags.boolean('a', user, false)).toBe(true);
  await until(() => expect(flags.status().state).toBe('LIVE'));
});

test('[N14] a damaged flag is alone in its trouble', async () => {
  const server = await serve((stream) => {
    const damaged = { ...off2, key: 'broken', variations: null } as unknown as WireObject;
    stream.full(2, [on1, damaged]);
  });
  const flags = dimmer(server.url);
  await flags.ready();
  expect(flags.boolean('a', user, false)).toBe(true);
  expect(flags.detail('broken', user, true)).toMatchObject({ value: true, errorCode: 'INVALID_DEFINITION' });
});

test('[N14] unknown events, fields and kinds disturb nobody', async () => {
  const server = await serve((stream) => {
    const hologram: WireObject = { kind: 'hologram', key: 'h', version: 1, opaque: true };
    stream.send('weather', { sun: true }).send('error', { a: 1 }).send('open', {}).raw(': comment\n\n');
    stream
      .hello('full', 1)
      .send('message', {})
      .commit(1, [{ ...on1, glow: 1 } as WireObject, hologram]);
  });
  const flags = dimmer(server.url);
  expect((await flags.ready()).state).toBe('LIVE');
  expect(flags.boolean('a', user, false)).toBe(true);
});

test('[F32] silence ends a stream that nobody closed', async () => {
  const server = await serve((stream) => stream.full(1, [on1], { heartbeatMs: 30 }));
  const flags = dimmer(server.url);
  await flags.ready();
  await until(() => expect(server.requests.length).toBeGreaterThan(1));
  expect(server.requests[1]?.since).toBe('e1:1');
});

test('[F31] an answer that never comes is given up', async () => {
  const server = await serve(() => undefined);
  const platform = { ...fast, timing: { ...fast.timing, connectTimeoutMs: 30 } };
  const flags = dimmer(server.url, {}, platform);
  await until(() => expect(server.requests.length).toBeGreaterThan(2));
  await until(() => expect(server.open.size).toBeLessThanOrEqual(1));
  expect(flags.status().lastError?.message).toContain('no hello');
});

test('[N50] a frame without end is cut at its limit', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url, { limits: { frameBytesMax: 50_000 } });
  await flags.ready();
  const problems: (string | undefined)[] = [];
  flags.onStatus(({ lastError }) => problems.push(lastError?.message));
  for (const stream of server.open) stream.raw(`data: ${'x'.repeat(60_000)}`);
  server.handler = (stream) => stream.refuse(503);
  await until(() => expect(problems).toContain('a message is larger than 50000 bytes'));
  expect(flags.boolean('a', user, false)).toBe(true);
});

test('[N50] frames survive any split and any line ending', async () => {
  const server = await serve((stream) => {
    const written: string[] = [];
    const raw = stream.raw.bind(stream);
    stream.raw = (bytes) => {
      written.push(bytes);
      return stream;
    };
    stream.full(1, [on1, b1]);
    const text = written.join('').replaceAll('\n', '\r\n');
    void (async () => {
      for (let start = 0; start < text.length; start += 7) {
        raw(text.slice(start, start + 7));
        await new Promise(setImmediate);
      }
    })();
  });
  const flags = dimmer(server.url);
  expect((await flags.ready()).state).toBe('LIVE');
  expect(flags.string('b', user, 'red')).toBe('blue');
});

test('a server that restarts on the same port is found again', async () => {
  // None that the system gives to outgoing connections: another test may open one at any moment.
  const first = await streamServer(serving(1, [on1]), randomInt(12_000, 31_000));
  const flags = dimmer(first.url);
  await flags.ready();
  await first.close();
  await until(() => expect(flags.status().state).toBe('STALE'));
  expect(flags.boolean('a', user, false)).toBe(true);
  const second = await streamServer((stream) => stream.hello('none', 1), Number(new URL(first.url).port));
  cleanups.push(() => second.close());
  await until(() => expect(flags.status().state).toBe('LIVE'));
});

test('[N14] the status tells where the values come from', async () => {
  const server = await serve(serving(4, [on1]));
  const flags = dimmer(server.url);
  await flags.ready();
  flags.boolean('a', user, false);
  flags.track('bought', user, { value: 2 });
  const { ageMs, connectedSince, ...status } = flags.status();
  expect(status).toEqual({
    state: 'LIVE',
    mode: 'stream',
    resyncs: 0,
    revision: 4,
    epoch: 'e1',
    source: 'stream',
    lastError: null,
    exposures: { counted: 1, dropped: 0 },
    tracked: { buffered: 1, dropped: 0 },
  });
  expect(ageMs).toBeLessThan(5_000);
  expect(Date.parse(connectedSince ?? '')).toBeGreaterThan(Date.now() - 5_000);
});

test('[N20] a change reaches the listeners of its flag, after the swap', async () => {
  const server = await serve(serving(1, [on1, b1]));
  const flags = dimmer(server.url);
  await flags.ready();
  const heard: unknown[] = [];
  flags.onChange('a', (definition) => heard.push(definition?.version, flags.boolean('a', user, true)));
  flags.onChange('b', () => heard.push('b'));
  const stop = flags.onChange((keys) => heard.push(keys));
  for (const stream of server.open) stream.commit(2, [off2], [off2, b1]);
  await flags.waitForRevision(2);
  expect(heard).toEqual([2, false, ['a']]);
  stop();
  for (const stream of server.open)
    stream.send('delete', { kind: 'flag', key: 'a', version: 3 }).commit(3, [], [b1]);
  await flags.waitForRevision(3);
  expect(heard).toEqual([2, false, ['a'], undefined, true]);
});

test('[N20] a listener that throws is logged and disturbs nobody', async () => {
  const error = vi.fn();
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url, { logger: { warn: error, error } });
  const heard = vi.fn();
  flags.onChange(() => {
    throw new Error('mine');
  });
  flags.onChange(heard);
  await flags.ready();
  expect(heard).toHaveBeenCalledWith(['a']);
  expect(error).toHaveBeenCalledWith('a listener threw: mine');
  expect(flags.status().state).toBe('LIVE');
});

test('[N20] a listener that is async and rejects is logged and does not end the program', async () => {
  const error = vi.fn();
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url, { logger: { warn: error, error } });
  flags.onChange(async () => Promise.reject(new Error('mine')));
  flags.onChange('a', async () => Promise.reject(new Error('mine too')));
  flags.onStatus(async () => Promise.reject(new Error('mine as well')));
  await flags.ready();
  await until(() => expect(error).toHaveBeenCalledTimes(3));
  expect(error).toHaveBeenCalledWith('a listener threw: mine too');
});

test('[N20] a listener that another one has stopped is not called any more', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url);
  const heard = vi.fn();
  flags.onChange(() => stop());
  const stop = flags.onChange(heard);
  await flags.ready();
  expect(heard).not.toHaveBeenCalled();
});

test('[N3] a definition that a listener changes is its own', async () => {
  const server = await serve(serving(1, [fixedFlag('a', 1, true)]));
  const flags = dimmer(server.url);
  const heard: unknown[] = [];
  flags.onChange('a', (definition) => Object.assign(definition?.fallthrough ?? {}, { variation: 'off' }));
  flags.onChange('a', (definition) => heard.push(definition?.fallthrough));
  await flags.ready();
  expect(heard).toEqual([on1.fallthrough]);
});

test('[N14] a first attempt that fails is told once, with what to look at', async () => {
  const warn = vi.fn();
  const page = await serve((stream) => stream.response.writeHead(200, { 'content-type': 'text/html' }).end());
  const flags = dimmer(page.url, { logger: { warn, error: warn } });
  await until(() => expect(page.requests.length).toBeGreaterThan(3));
  expect(warn.mock.calls).toEqual([[expect.stringMatching(/no stream yet, callers get .*check that `url`/)]]);
  expect(flags.status().lastError).toMatchObject({ status: 200 });
});

test('[N14] what a status means for the program is told', async () => {
  let status = 404;
  const server = await serve((stream) => stream.refuse(status));
  const flags = dimmer(server.url);
  await until(() => expect(flags.status().lastError?.message).toContain('404; check that `url`'));
  status = 503;
  await until(() => expect(flags.status().lastError?.message).toBe('the server answered 503'));
  status = 401;
  await until(() => expect(flags.status().lastError?.message).toContain('401; use a server key'));
});

test('[N21] waitForRevision tells whether the revision came in time', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url);
  expect(await flags.waitForRevision(1)).toBe(true);
  expect(await flags.waitForRevision(2, { timeoutMs: 10 })).toBe(false);
  const waiting = flags.waitForRevision(2, { timeoutMs: 60_000 });
  for (const stream of server.open) stream.commit(2, [off2]);
  expect(await waiting).toBe(true);
});

test('[N23] the signal of a scope aborts when a flag that it used is killed, and its values stay', async () => {
  const c1 = fixedFlag('c', 1, true, { prerequisites: [{ flag: 'a', variation: 'given' }] });
  const server = await serve(serving(1, [on1, b1, c1]));
  const flags = dimmer(server.url);
  await flags.ready();
  const direct = flags.scope(user);
  const dependent = flags.scope(user);
  const unrelated = flags.scope(user);
  expect([direct.boolean('a', false), dependent.boolean('c', false)]).toEqual([true, true]);
  unrelated.string('b', '');
  const signals = [direct.signal, unrelated.signal];
  const killed = { ...on1, version: 2, killed: true } as const;
  for (const stream of server.open) stream.commit(2, [killed], [killed, b1, c1], true);
  await flags.waitForRevision(2);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(dependent.signal.aborted).toBe(true);
  expect(direct.signal.reason).toMatchObject({ name: 'FlagKilledError', flag: 'a' });
  expect(direct.boolean('a', false)).toBe(true);
  expect(flags.boolean('a', user, true)).toBe(false);
  expect(flags.detail('a', user, true)).toMatchObject({ reason: 'KILLED', revision: 2 });
});

test('[N11] a client that starts without its server serves the cache of the last run', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  const server = await streamServer(serving(3, [on1]));
  const first = new Dimmer({ url: server.url, key, cache: { directory } }, fast);
  await first.ready();
  await first.close();
  await server.close();
  const flags = dimmer(server.url, { cache: { directory } });
  expect(flags.boolean('a', user, false)).toBe(true);
  expect(await flags.ready({ timeoutMs: 60_000 })).toMatchObject({ state: 'CACHED', revision: 3 });
});

test('[N11] a bootstrap goes before the cache only when it is newer in the same epoch', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  const server = await serve(serving(3, [on1]));
  const first = dimmer(server.url, { cache: { directory } });
  await first.ready();
  await first.close();
  server.handler = (stream) => stream.refuse(503);
  const revisionWith = (revision: number, epoch: string): number | null =>
    dimmer(server.url, {
      cache: { directory },
      bootstrap: snapshotDocument(revision, [off2], epoch),
    }).status().revision;
  expect([revisionWith(2, 'e1'), revisionWith(4, 'e1'), revisionWith(9, 'e2')]).toEqual([3, 4, 3]);
});

test('[N13] a program that has closed its client exits', async () => {
  const server = await serve(serving(1, [on1]));
  const program = fileURLToPath(new URL('./closing-program.fixture.ts', import.meta.url));
  const runner = fileURLToPath(new URL('../../test/contract/run-program.mjs', import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  for (const [url, state, readyMs] of [
    [server.url, 'LIVE', 60_000],
    [nowhere, 'DEFAULTS', 300],
  ] as const) {
    const child = spawn(process.execPath, [runner, program, url, key, directory, String(readyMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = new Promise((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
    const exited = new Promise((resolve) => child.once('exit', resolve));
    expect([await said, await exited]).toEqual([state, 0]);
  }
});

test('[N13] close settles everything, twice as well as once', async () => {
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url);
  await flags.ready();
  const waiting = flags.waitForRevision(9, { timeoutMs: 60_000 });
  await Promise.all([flags.close(), flags.close()]);
  expect(await waiting).toBe(false);
  expect(flags.status().state).toBe('CLOSED');
  expect(flags.boolean('a', user, false)).toBe(true);
  await until(() => expect(server.open.size).toBe(0));
});

test('[N13] a listener may close: the snapshot that it heard of is in the cache, and nobody waits', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-test-'));
  const server = await serve(serving(1, [on1]));
  const flags = dimmer(server.url, { cache: { directory } }, { ...fast, cacheDelayMs: 60_000 });
  const states: string[] = [];
  flags.onStatus(({ state }) => states.push(state));
  const closed = new Promise((resolve) => flags.onChange(() => resolve(flags.close())));
  await closed;
  expect(states.at(-1)).toBe('CLOSED');
  expect(await flags.waitForRevision(9, { timeoutMs: 60_000 })).toBe(false);
  expect(dimmer(server.url, { cache: { directory } }).boolean('a', user, false)).toBe(true);
});

test('several clients live in one process without knowing of each other', async () => {
  const one = await serve(serving(1, [on1]));
  const other = await serve(serving(1, [off2]));
  const [first, second] = [dimmer(one.url), dimmer(other.url)];
  await Promise.all([first.ready(), second.ready()]);
  expect([first.boolean('a', user, false), second.boolean('a', user, true)]).toEqual([true, false]);
});
