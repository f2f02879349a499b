import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHistoryFile, type Entry, type HistoryFile, readHistoryFile } from '../faults/history-file.ts';
import { judge } from '../faults/judge.ts';
import { type Model, modelOf } from '../faults/model.ts';
import { type SdkClient, startSdkClient } from '../faults/sdk-client.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { type StreamClient, startStreamClient } from '../faults/stream-client.ts';
import { createFlags, fetchRevisions, startTraffic } from '../faults/traffic.ts';
import { type Build, CURRENT, RECORDED } from './builds.ts';

/** How long each build serves under traffic, in milliseconds. */
const SERVES_FOR_MS = 1_500;
const WRITES_PER_SECOND = 25;
const RAW_CLIENTS = ['raw-0', 'raw-1', 'raw-2'];
const CONVERGED_WITHIN_MS = 60_000;
const SETTINGS = { DIMMER_HEARTBEAT_MS: '1000' };

let directory: string;
let server: ServerProcess;
let history: HistoryFile;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-in-place-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), SETTINGS);
  history = createHistoryFile(join(directory, 'history.jsonl'));
});

afterEach(async () => {
  history.close();
  await server.end('SIGKILL');
  await rm(directory, { recursive: true });
});

describe.each(RECORDED)('from $name to this build and back, on one file', (earlier) => {
  test('[U1] no acknowledged write is lost, every SDK converges, and streams resume by delta', async () => {
    await server.start(earlier.command);
    await createFlags(server);
    const model = await playUnderTraffic(earlier);
    expect(model.gaps).toEqual([]);
    const entries = readHistoryFile(history.path);
    const { violations, counts } = judge(entries, model);
    expect(violations).toEqual([]);
    expect(counts.commits).toBeGreaterThan(WRITES_PER_SECOND);
    for (const name of RAW_CLIENTS) expect(laterModes(entries, name), name).not.toContain('full');
  }, 180_000);
});

/** Upgrades and rolls back while clients follow and writers write. @returns What the history holds in the end. */
async function playUnderTraffic(earlier: Build): Promise<Model> {
  const { url, serverKey } = server;
  const startSdk = async (build: Build): Promise<SdkClient> => {
    const name = `sdk of ${build.name}`;
    const sdk = await build.sdk();
    return startSdkClient({ name, url, serverKey, history, random: random.fork(name), sdk });
  };
  const startRaw = (name: string): StreamClient =>
    startStreamClient({ name, url, key: serverKey, history, random: random.fork(name) });

  const random = seededRandom(4400);
  const sdks = await Promise.all([earlier, CURRENT].map(startSdk));
  const raw = RAW_CLIENTS.map(startRaw);
  const traffic = startTraffic({
    server,
    history,
    random: random.fork('traffic'),
    perSecond: WRITES_PER_SECOND,
  });
  try {
    await sleep(SERVES_FOR_MS);
    for (const next of [CURRENT, earlier]) {
      expect(await server.end('SIGTERM'), server.output()).toBe(0);
      await server.start(next.command);
      await allReach(sdks, traffic.acknowledged);
      await sleep(SERVES_FOR_MS);
    }
    await traffic.stop();
    const model = modelOf(await fetchRevisions(server));
    expect(model.last).toBeGreaterThanOrEqual(traffic.acknowledged);
    await allReach(sdks, model.last);
    await untilAllAt(raw, model.last);
    return model;
  } finally {
    await traffic.stop();
    for (const client of raw) client.stop();
    await Promise.all(sdks.map((sdk) => sdk.close()));
  }
}

async function allReach(sdks: readonly SdkClient[], revision: number): Promise<void> {
  const reached = await Promise.all(sdks.map((sdk) => sdk.waitFor(revision, CONVERGED_WITHIN_MS)));
  expect(reached).toEqual(sdks.map(() => true));
}

/** How the streams of a client began, but for its first. */
function laterModes(entries: readonly Entry[], client: string): readonly unknown[] {
  const hellos = entries.flatMap((entry) =>
    entry.client === client && entry.op === 'frame' && entry.args.event === 'hello' ? [entry.result] : [],
  );
  return hellos.slice(1).map((hello) => (hello as { readonly mode: string }).mode);
}

async function untilAllAt(clients: readonly StreamClient[], revision: number): Promise<void> {
  const deadline = Date.now() + CONVERGED_WITHIN_MS;
  while (clients.some((client) => client.revision < revision)) {
    if (Date.now() > deadline) throw new Error(`a raw client did not reach ${revision}`);
    await sleep(20);
  }
}
