import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import type { RunningServer } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, startServer } from '@dimmer/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FailingStorage } from './failing-storage.ts';
import { failingStorage } from './failing-storage.ts';
import { ADMIN, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const FLAG = `${PRODUCTION}/flags/checkout-v2`;
const user = { targetingKey: 'user-1' };
const WITHIN = { timeout: 40_000, interval: 10 };

let now: number;
let folder: string;
let file: string;
let memory: MemoryStorage;
let storage: FailingStorage;
let server: RunningServer;
const others: RunningServer[] = [];
const followers: Dimmer[] = [];
const log: string[] = [];
const clock = { now: () => now };

beforeEach(async () => {
  now = Date.parse('2026-11-21T09:00:00Z');
  log.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'dimmer-held-'));
  file = join(folder, 'held-kills.json');
  memory = new MemoryStorage({ clock });
  memory.close = () => Promise.resolve();
  storage = failingStorage(memory);
  server = await startOne();
  await admin(`POST ${PROJECT}/flags`, { key: 'checkout-v2' });
  await admin(`PATCH ${FLAG}`, { enabled: true, fallthrough: { variation: 'on' } });
});

afterEach(async () => {
  for (const flags of followers.splice(0)) await flags.close();
  storage.fault = undefined;
  for (const one of [server, ...others.splice(0)]) await one.close();
  await rm(folder, { recursive: true });
});

/** A server over the file, and over the database as it is to it. */
async function startOne(heldKillsFile = file, database = storage): Promise<RunningServer> {
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return startServer({
    settings: parsed.settings,
    storage: database,
    log: createLog('info', { write: (line) => void log.push(line) }),
    version: '0.0.0-test',
    clock,
    heldKillsFile,
  });
}

/** Ends the server as a crash would leave its file, and starts it again. */
async function restart(): Promise<void> {
  const left = await readFile(file);
  storage.fault = 'full';
  await server.close();
  await writeFile(file, left);
  server = await startOne();
}

// biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form.
async function ask(route: string, json?: unknown, at = server): Promise<{ status: number; body: any }> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(at.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: await response.json() };
}

async function admin(route: string, json: unknown, at = server): Promise<void> {
  const { status, body } = await ask(route, json, at);
  if (status >= 300) throw new Error(`${route}: ${JSON.stringify(body)}`);
}

/** Holds a kill under a database that takes nothing. */
async function hold(): Promise<unknown> {
  await follower();
  storage.fault = 'full';
  const { status, body } = await ask(`POST ${FLAG}/kill`, { reason: 'payments fail', breakGlass: true });
  expect(status).toBe(202);
  now += 1_000;
  return body;
}

/** A program that connects now, and what it served of the flag, without repetitions. */
async function follower(): Promise<{ readonly flags: Dimmer; readonly served: boolean[] }> {
  const flags = new Dimmer({ url: server.url, key: SERVER, cache: false });
  followers.push(flags);
  const served: boolean[] = [];
  const note = (): void => {
    const value = flags.boolean('checkout-v2', user, false);
    if (served.at(-1) !== value) served.push(value);
  };
  flags.onChange('checkout-v2', note);
  await flags.ready({ timeoutMs: 40_000 });
  note();
  return { flags, served };
}

const heldNow = async (): Promise<readonly unknown[]> =>
  (await ask(`GET ${PRODUCTION}/held-kills`)).body.items;
const stored = async (): Promise<{ kill: unknown; revision: number }> => (await ask(`GET ${FLAG}`)).body;
const said = (text: string): boolean => log.some((line) => line.includes(text));

test('[BG5, BG21] the answer says that it is kept, and a server that ends loses nothing', async () => {
  expect(await hold()).toMatchObject({ kept: true, detail: expect.stringContaining('also after a restart') });
  await restart();
  expect([said('is lost'), said('waits in its file for the next start')]).toEqual([false, true]);
});

test('[BG21] after a restart it is held from the first moment, and committed once', async () => {
  const before = await stored();
  await hold();
  await restart();
  expect(await heldNow()).toMatchObject([
    { flag: 'checkout-v2', reason: 'payments fail', at: '2026-11-21T09:00:00.000Z' },
  ]);
  expect((await ask('GET /readyz')).body).toMatchObject({ heldKills: 1 });
  const { flags, served } = await follower();
  expect(served).toEqual([false]);
  storage.fault = undefined;
  await vi.waitFor(async () => expect(await heldNow()).toEqual([]), WITHIN);
  const after = await stored();
  expect(after).toMatchObject({ kill: { reason: 'payments fail' }, revision: before.revision + 1 });
  await vi.waitFor(() => expect(flags.status().revision).toBe(after.revision), WITHIN);
  expect(served).not.toContain(true);
  // And the next run knows nothing of it any more.
  await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain('"kills":[]'), WITHIN);
  await restart();
  expect(await heldNow()).toEqual([]);
});

test('[BG21] where the database is back by then, it is committed before anybody is served', async () => {
  await hold();
  const left = await readFile(file);
  await server.close();
  await writeFile(file, left);
  storage.fault = undefined;
  server = await startOne();
  expect(await heldNow()).toEqual([]);
  const { flags, served } = await follower();
  expect((await stored()).kill).toMatchObject({ reason: 'payments fail' });
  expect([served, flags.status().revision]).toEqual([[false], (await stored()).revision]);
});

test('[BG12, BG22] a file that was left over: who has restored the flag since has the last word', async () => {
  await hold();
  const other = await startOne(join(folder, 'other.json'), failingStorage(memory));
  others.push(other);
  // The file of a machine that was away, while the kill was committed elsewhere, and restored.
  const left = await readFile(file);
  await server.close();
  storage.fault = undefined;
  await admin(`POST ${FLAG}/kill`, { reason: 'payments fail' }, other);
  now += 60_000;
  await admin(`POST ${FLAG}/restore`, { reason: 'it was the network' }, other);
  now += 60_000;
  const { revision } = (await ask(`GET ${FLAG}`, undefined, other)).body;
  await writeFile(file, left);
  server = await startOne();
  expect(await heldNow()).toEqual([]);
  expect((await follower()).served).toEqual([true]);
  expect(await stored()).toMatchObject({ kill: null, revision });
  expect(said('"why":"restored"')).toBe(true);
});

test('[BG12] a kill that the history does not reach back to is not committed', async () => {
  await hold();
  await restart();
  now += 60_000;
  const other = await startOne(join(folder, 'other.json'), failingStorage(memory));
  others.push(other);
  for (const enabled of [false, true]) {
    await admin(`PATCH ${FLAG}`, { enabled }, other);
    now += 1_000;
  }
  const { revision } = (await ask(`GET ${FLAG}`, undefined, other)).body;
  await memory.prune({ revisions: 1, days: 0 });
  storage.fault = undefined;
  await vi.waitFor(async () => expect(await heldNow()).toEqual([]), WITHIN);
  expect(await stored()).toMatchObject({ kill: null, revision });
  expect(said('"why":"too old"')).toBe(true);
});

test('[BG22] a file that comes to light after days kills nothing', async () => {
  await hold();
  now += 25 * 3_600_000;
  await restart();
  expect(await heldNow()).toEqual([]);
  expect((await follower()).served).toEqual([true]);
  expect(said('nobody has held it for a day')).toBe(true);
});

test('[BG13, BG21] what was lifted does not come back with a restart', async () => {
  await hold();
  expect((await ask(`POST ${FLAG}/restore`, { breakGlass: true })).body).toMatchObject({ lifted: true });
  await restart();
  expect(await heldNow()).toEqual([]);
});

test('[BG5, BG16, BG21] where the file cannot be written the kill is held all the same, and the answer says so', async () => {
  await server.close();
  await writeFile(join(folder, 'in-the-way'), '');
  server = await startOne(join(folder, 'in-the-way', 'held-kills.json'));
  expect(await hold()).toMatchObject({
    kept: false,
    detail: expect.stringContaining('lost if this server ends'),
  });
  await vi.waitFor(() => expect(followers.at(-1)?.boolean('checkout-v2', user, true)).toBe(false), WITHIN);
  await server.close();
  expect(said('held kills cannot be written')).toBe(true);
  expect(said('a held kill is lost')).toBe(true);
});
