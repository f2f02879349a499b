import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHistoryFile, type HistoryFile, readHistoryFile } from '../../../test/faults/history-file.ts';
import { type Judged, judge } from '../../../test/faults/judge.ts';
import { type Model, modelOf } from '../../../test/faults/model.ts';
import { createPostgresCluster, type PostgresCluster } from '../../../test/faults/postgres-cluster.ts';
import { type SdkClient, startSdkClient } from '../../../test/faults/sdk-client.ts';
import { type SeededRandom, seededRandom } from '../../../test/faults/seeded-random.ts';
import { createServerProcess, type ServerProcess } from '../../../test/faults/server-process.ts';
import { type StreamClient, startStreamClient } from '../../../test/faults/stream-client.ts';
import { createFlags, fetchRevisions, startTraffic, type Traffic } from '../../../test/faults/traffic.ts';
import { startBalancer } from './balancer.ts';
import { startEvaluations } from './evaluations.ts';
import { type Answers, type PatientWriter, patientWriter } from './patient-writer.ts';
import { buildNextRelease } from './release.ts';
import { type Row, rowsOf, type Step } from './summary.ts';

const SERVERS = 3;
const SDKS = 6;
const RAW_CLIENTS = 12;
/** Each has one write under way at most, so that a slow machine is asked for less. */
const WRITERS = 8;
const WRITES_PER_SECOND = 10;
/** How long SDKs may take from the last write to its revision, in milliseconds. */
export const AT_THE_HEAD_WITHIN_MS = 2_000;
/** How long everybody may take to come to the same revision before the run is given up, in milliseconds. */
const CONVERGED_WITHIN_MS = 60_000;

/** How long things take, in milliseconds. */
interface Pace {
  readonly calm: number;
  readonly databaseAway: number;
  readonly drainAccept: number;
  readonly drainSpread: number;
}

const LONG: Pace = { calm: 10_000, databaseAway: 60_000, drainAccept: 5_000, drainSpread: 10_000 };
const SHORT: Pace = { calm: 1_000, databaseAway: 3_000, drainAccept: 1_000, drainSpread: 1_500 };

export interface RollOptions {
  /** An empty folder. */
  readonly directory: string;
  readonly seed: number;
  readonly isShort: boolean;
  /** Hears what happens, line by line. */
  readonly tell: (line: string) => void;
}

/** What came of it. */
export interface Rolled {
  readonly rows: readonly Row[];
  readonly judged: Judged;
  readonly model: Model;
  /** Of the servers and the balancer, to writers. */
  readonly answers: Answers;
  readonly evaluations: { readonly made: number; readonly failed: number };
  /** From the last acknowledged write until every SDK and stream was there. */
  readonly headAfterMs: number;
  /** What else did not hold. */
  readonly complaints: readonly string[];
}

/**
 * Rolls three servers forward and back under traffic, kills one, restarts PostgreSQL, and judges what clients saw.
 *
 * @returns `undefined` where the machine has no PostgreSQL.
 */
export async function roll(options: RollOptions): Promise<Rolled | undefined> {
  const cluster = await createPostgresCluster();
  if (cluster === undefined) return undefined;
  const servers: ServerProcess[] = [];
  try {
    await cluster.start();
    return await rollOn(cluster, servers, options);
  } finally {
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await cluster.remove();
  }
}

/** @param servers - Filled with those that are made: whoever called ends them, also where a start fails. */
async function rollOn(
  cluster: PostgresCluster,
  servers: ServerProcess[],
  options: RollOptions,
): Promise<Rolled> {
  const pace = options.isShort ? SHORT : LONG;
  servers.push(...(await createServers(cluster, pace)));
  await Promise.all(servers.map((server) => server.start()));
  const ports = servers.map(({ port }) => port);
  const balancer = await startBalancer(options.directory, ports);
  const history = createHistoryFile(join(options.directory, 'history.jsonl'));
  try {
    return await rollUnderTraffic({ ...options, cluster, servers, history, pace, url: balancer.url });
  } finally {
    history.close();
    await balancer.stop();
  }
}

/**
 * What did not hold.
 *
 * @param headWithinMs - How long everybody may have taken from the last write to its revision.
 */
export function brokenPromises(
  { complaints, judged, headAfterMs }: Rolled,
  headWithinMs: number = AT_THE_HEAD_WITHIN_MS,
): readonly string[] {
  const late = `end: the last revision was everywhere after ${headAfterMs.toFixed(0)} ms, not ${headWithinMs}`;
  return [...complaints, ...(headAfterMs > headWithinMs ? [late] : []), ...judged.violations];
}

interface Stage extends RollOptions {
  readonly cluster: PostgresCluster;
  readonly servers: readonly ServerProcess[];
  readonly history: HistoryFile;
  readonly pace: Pace;
  /** Of the balancer. */
  readonly url: string;
}

async function createServers(cluster: PostgresCluster, pace: Pace): Promise<readonly ServerProcess[]> {
  const environment = {
    DIMMER_HEARTBEAT_MS: '1000',
    DIMMER_DRAIN_ACCEPT_MS: String(pace.drainAccept),
    DIMMER_DRAIN_SPREAD_MS: String(pace.drainSpread),
  };
  return Promise.all(Array.from({ length: SERVERS }, () => createServerProcess(cluster.url(), environment)));
}

async function rollUnderTraffic(stage: Stage): Promise<Rolled> {
  const { servers, history, url } = stage;
  const [first] = servers;
  if (first === undefined) throw new Error('there is no server');
  const { adminKey, serverKey } = first;
  const random = seededRandom(stage.seed);
  const written = { url, adminKey };
  await createFlags(written);
  const evaluations = await startEvaluations(url, serverKey);
  const clients = startClients({ url, serverKey, history, random });
  const writer = patientWriter();
  const traffic = startTraffic({
    server: written,
    history,
    random: random.fork('traffic'),
    perSecond: WRITES_PER_SECOND,
    underWayMax: WRITERS,
    send: writer.send,
  });
  try {
    const steps = await playSteps(stage);
    await traffic.stop();
    const stoppedAt = performance.now();
    await untilAllAt(traffic.acknowledged, clients);
    const headAfterMs = performance.now() - stoppedAt;
    const model = modelOf(await fetchRevisions(written));
    // What was written and never acknowledged counts as well.
    const late = await untilAllAt(model.last, clients);
    const { made, failed } = evaluations;
    await stopClients(clients);
    const entries = readHistoryFile(history.path);
    return {
      rows: rowsOf(steps, entries, model),
      judged: judge(entries, model),
      model,
      answers: writer.answers,
      evaluations: { made, failed },
      headAfterMs,
      complaints: [...late, ...complaintsOf(writer, failed)],
    };
  } finally {
    await endAll(traffic, clients);
    await evaluations.stop();
  }
}

/** Each step takes the servers from one state that people would leave them in to the next. */
async function playSteps({ cluster, servers, pace, tell, directory }: Stage): Promise<readonly Step[]> {
  const next = await buildNextRelease(directory);
  const steps: Step[] = [];

  async function step(title: string, play: () => Promise<void>): Promise<void> {
    tell(title);
    const from = Date.now();
    await play();
    await sleep(pace.calm);
    steps.push({ title, from, to: Date.now() });
  }

  async function replaceAll(command: string | undefined): Promise<void> {
    for (const server of servers) {
      const code = await server.end('SIGTERM');
      if (code !== 0)
        throw new Error(`a server that was sent SIGTERM ended with ${code}:\n${server.output()}`);
      await server.start(command);
    }
  }

  await step('three servers', () => sleep(pace.calm));
  await step('forward, one by one', () => replaceAll(next));
  await step('and back', () => replaceAll(undefined));
  await step('one is killed', async () => {
    await servers[1]?.end('SIGKILL');
    await sleep(pace.calm);
    await servers[1]?.start();
  });
  await step('PostgreSQL crashes', async () => {
    await cluster.stop('immediate');
    await sleep(pace.databaseAway);
    await cluster.start();
  });
  return steps;
}

interface Clients {
  readonly sdks: readonly SdkClient[];
  readonly raw: readonly StreamClient[];
}

function startClients(options: {
  readonly url: string;
  readonly serverKey: string;
  readonly history: HistoryFile;
  readonly random: SeededRandom;
}): Clients {
  const { url, serverKey, history, random } = options;
  const named = (kind: string, count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  return {
    sdks: named('sdk', SDKS).map((name) =>
      startSdkClient({ name, url, serverKey, history, random: random.fork(name), patience: 1 }),
    ),
    raw: named('raw', RAW_CLIENTS).map((name) =>
      startStreamClient({ name, url, key: serverKey, history, random: random.fork(name) }),
    ),
  };
}

/** @returns Who did not get there. */
async function untilAllAt(revision: number, { sdks, raw }: Clients): Promise<readonly string[]> {
  const deadline = Date.now() + CONVERGED_WITHIN_MS;
  const reached = await Promise.all(sdks.map((sdk) => sdk.waitFor(revision, CONVERGED_WITHIN_MS)));
  while (raw.some((client) => client.revision < revision) && Date.now() < deadline) await sleep(5);
  return sdks
    .filter((_, index) => reached[index] !== true)
    .map(({ name }) => `end: ${name} is not at the head`);
}

function complaintsOf({ answers, withoutRetryAfter }: PatientWriter, failed: number): readonly string[] {
  const wrong = [...answers].filter(([status]) => status >= 500 && status !== 503);
  return [
    ...wrong.map(([status, count]) => `writers: ${count} answers of ${status}`),
    ...(withoutRetryAfter > 0 ? [`writers: ${withoutRetryAfter} answers of 503 without Retry-After`] : []),
    ...(failed > 0 ? [`evaluations: ${failed} failed`] : []),
  ];
}

async function stopClients({ sdks, raw }: Clients): Promise<void> {
  for (const client of raw) client.stop();
  await Promise.all(sdks.map((sdk) => sdk.close()));
}

async function endAll(traffic: Traffic, clients: Clients): Promise<void> {
  await traffic.stop();
  await stopClients(clients);
}
