import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createHistoryFile, type Entry, readHistoryFile } from '../faults/history-file.ts';
import { judge } from '../faults/judge.ts';
import { type Model, modelOf } from '../faults/model.ts';
import { type SdkClient, startSdkClient } from '../faults/sdk-client.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { type StreamClient, startStreamClient } from '../faults/stream-client.ts';
import { fetchRevisions, type Send, startTraffic } from '../faults/traffic.ts';
import type { Build } from './builds.ts';

/** How long clients and writers run before and after what is done meanwhile, in milliseconds. */
const SERVES_FOR_MS = 1_500;
const RAW_CLIENTS = ['raw-0', 'raw-1', 'raw-2'];
const CONVERGED_WITHIN_MS = 60_000;

export interface Played {
  readonly entries: readonly Entry[];
  /** What the history holds in the end. */
  readonly model: Model;
}

export interface Play {
  readonly server: Pick<ServerProcess, 'url' | 'adminKey' | 'serverKey'>;
  /** Whose SDKs follow. */
  readonly builds: readonly Build[];
  /** An empty folder. */
  readonly directory: string;
  readonly writesPerSecond: number;
  readonly send?: Send;
  /** @param followed - Waits until every SDK has what was acknowledged so far. */
  readonly meanwhile: (followed: () => Promise<void>) => Promise<void>;
}

/** Lets SDKs follow and writers write while servers are replaced, until all have the last revision. */
export async function playUnderTraffic(play: Play): Promise<Played> {
  const { server, builds, directory, writesPerSecond, send, meanwhile } = play;
  const { url, serverKey } = server;
  const random = seededRandom(4400);
  const history = createHistoryFile(join(directory, 'history.jsonl'));
  const startSdk = async (build: Build): Promise<SdkClient> => {
    const name = `sdk of ${build.name}`;
    const sdk = await build.sdk();
    return startSdkClient({ name, url, serverKey, history, random: random.fork(name), sdk });
  };
  const startRaw = (name: string): StreamClient =>
    startStreamClient({ name, url, key: serverKey, history, random: random.fork(name) });

  const sdks = await Promise.all(builds.map(startSdk));
  const raw = RAW_CLIENTS.map(startRaw);
  const traffic = startTraffic({
    server,
    history,
    random: random.fork('traffic'),
    perSecond: writesPerSecond,
    ...(send && { send }),
  });
  let model: Model;
  try {
    await sleep(SERVES_FOR_MS);
    await meanwhile(() => allReach(sdks, traffic.acknowledged));
    await sleep(SERVES_FOR_MS);
    await traffic.stop();
    model = modelOf(await fetchRevisions(server));
    expect(model.last).toBeGreaterThanOrEqual(traffic.acknowledged);
    await allReach(sdks, model.last);
    await untilAllAt(raw, model.last);
  } finally {
    await traffic.stop();
    for (const client of raw) client.stop();
    await Promise.all(sdks.map((sdk) => sdk.close()));
    history.close();
  }
  return { model, entries: readHistoryFile(history.path) };
}

/** Judges what everybody wrote down: no revision is missing, nobody saw what never was, streams went on where they were. */
export function expectNothingLost({ entries, model }: Played): void {
  expect(model.gaps).toEqual([]);
  const { violations, counts } = judge(entries, model);
  expect(violations).toEqual([]);
  expect(counts.commits).toBeGreaterThan(RAW_CLIENTS.length);
  for (const name of RAW_CLIENTS) {
    const modes = laterModes(entries, name);
    expect(modes.length, `${name} came back`).toBeGreaterThan(0);
    expect(modes, name).not.toContain('full');
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
