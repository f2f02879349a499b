import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCrowd } from './crowd.ts';
import { type FakedClock, fakedClock, untilTimeIs } from './faked-clock.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { createHistoryFile, type Entry, type HistoryFile, readHistoryFile } from './history-file.ts';
import { type Judged, judge } from './judge.ts';
import { type Model, modelOf } from './model.ts';
import { poisonVictim } from './poison.ts';
import { createRelayProcess, type RelayProcess } from './relay-process.ts';
import type { Fault, Scenario, Span } from './scenarios.ts';
import { type SdkClient, startSdkClient } from './sdk-client.ts';
import { type SdkProcess, startSdkProcess } from './sdk-process-client.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { type StreamClient, startStreamClient } from './stream-client.ts';
import { createBallast, createFlags, fetchRevisions, startTraffic } from './traffic.ts';

/** Clients of a run. Half of the SDKs and of the raw clients go through the proxy, where they may. */
const SDKS = 2;
const RAW_CLIENTS = { short: 4, long: 8 };
/** The longest delay of an SDK is 30 s, and an attempt that hangs takes 10; a busy machine takes its own time on top. */
const CONVERGED_WITHIN_MS = 60_000;
/** How long a crowd waits for its first stream, in milliseconds. */
const CROWD_STREAMS_WITHIN_MS = 60_000;
const SETTINGS = { DIMMER_HEARTBEAT_MS: '1000' };

/** What came of a run. */
export interface Outcome {
  /** `validator: what did not hold`. */
  readonly violations: readonly string[];
  readonly counts: {
    readonly revisions: number;
    readonly writes: number;
    readonly framesEdited: number;
  } & Judged['counts'];
}

export interface RunOptions {
  readonly seed: number;
  readonly isLong: boolean;
  /** An empty folder, for the database and `history.jsonl`. */
  readonly directory: string;
}

/** Runs faults against real processes, records, and judges afterwards. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Outcome> {
  const { directory, seed } = options;
  const databasePath = join(directory, 'dimmer.db');
  const random = seededRandom(seed);
  const clocks = scenario.fakedClocks && clocksIn(directory);
  const environment = { ...SETTINGS, ...scenario.environment, ...clocks?.server.environment };
  const server = await createServerProcess(databasePath, environment, scenario.failpoints);
  const proxy = await startFaultProxy(server.port, random.fork('jitter').next);
  const history = createHistoryFile(join(directory, 'history.jsonl'));
  const relay = scenario.relay && (await relayBehind(proxy.url, server.serverKey, directory));
  try {
    await server.start();
    await createFlags(server);
    await relay?.start();
    const { ballast } = scenario;
    if (ballast !== undefined) await createBallast(server, ballast.flags, ballast.ruleBytes);
    const run: Run = {
      scenario,
      options,
      databasePath,
      random,
      server,
      proxy,
      relay,
      faultedUrl: relay?.url ?? proxy.url,
      history,
      clocks,
    };
    const { model, writes, complaints } = await play(run);
    const entries = readHistoryFile(history.path);
    const judged = judge(entries, model);
    const counts = { revisions: model.last, writes, framesEdited: proxy.counts.edited, ...judged.counts };
    return {
      violations: [...complaints, ...complaintsAbout(scenario, entries, counts), ...judged.violations],
      counts,
    };
  } finally {
    history.close();
    await relay?.end('SIGKILL');
    await proxy.close();
    server.signal('SIGCONT');
    await server.end('SIGKILL');
  }
}

interface Run {
  readonly scenario: Scenario;
  readonly options: RunOptions;
  readonly databasePath: string;
  readonly random: SeededRandom;
  readonly server: ServerProcess;
  readonly proxy: FaultProxy;
  /** Behind the proxy, where the scenario has one. */
  readonly relay: RelayProcess | undefined;
  /** What clients speak to that have the faults between them and the server. */
  readonly faultedUrl: string;
  readonly history: HistoryFile;
  readonly clocks: Clocks | undefined;
}

interface Clocks {
  readonly server: FakedClock;
  readonly sdks: FakedClock;
}

interface Clients {
  /** Those that are processes are among them. */
  readonly sdks: readonly SdkClient[];
  readonly processes: readonly SdkProcess[];
}

interface Played {
  readonly model: Model;
  readonly writes: number;
  /** What went wrong while the run was still going on. */
  readonly complaints: readonly string[];
}

/** Clients on, faults, clients off. Judges nothing but that the end was reached. */
async function play(run: Run): Promise<Played> {
  const { scenario, options, server, history, random } = run;
  const { sdks, processes } = startSdks(run);
  const raw = startRawClients(run);
  const traffic = startTraffic({
    server,
    history,
    random: random.fork('traffic'),
    perSecond: scenario.writesPerSecond,
    ...(scenario.slow !== undefined && { ruleBytes: scenario.slow.ruleBytes }),
  });
  try {
    await Promise.all(sdks.map((sdk) => sdk.waitFor(1, CONVERGED_WITHIN_MS)));
    const rounds = options.isLong ? scenario.rounds.long : scenario.rounds.short;
    for (let round = 0; round < rounds; round += 1) {
      for (const fault of scenario.faults) await inflict(fault, run, processes);
      await sdks[0]?.waitFor(traffic.acknowledged, scenario.ends === 'LIVE' ? CONVERGED_WITHIN_MS : 0);
    }
    await traffic.stop();
    const model = modelOf(await fetchRevisions(server));
    const complaints = await complaintsAtTheEnd(scenario, model, sdks, raw);
    return { model, writes: traffic.writes, complaints };
  } finally {
    await traffic.stop();
    for (const client of raw) client.stop();
    await Promise.all(sdks.map((sdk) => sdk.close()));
  }
}

function startSdks({ scenario, server, faultedUrl, history, random, clocks }: Run): Clients {
  const options = Array.from({ length: SDKS }, (_, index) => {
    const url = index % 2 === 0 ? faultedUrl : server.url;
    const name = `sdk-${index}`;
    return { name, url, serverKey: server.serverKey, history, random: random.fork(name) };
  });
  if (scenario.sdkProcesses === undefined) return { sdks: options.map(startSdkClient), processes: [] };
  const processes = options.map((one) => startSdkProcess(one, clocks?.sdks.environment));
  return { sdks: processes, processes };
}

function relayBehind(upstream: string, key: string, directory: string): Promise<RelayProcess> {
  const cache = join(directory, 'relay');
  return createRelayProcess({ upstream, key, cache, name: 'relay', environment: SETTINGS });
}

function clocksIn(directory: string): Clocks {
  return {
    server: fakedClock(join(directory, 'server-clock')),
    sdks: fakedClock(join(directory, 'sdk-clock')),
  };
}

function startRawClients(run: Run): readonly StreamClient[] {
  const { scenario, options, server, faultedUrl, history, random } = run;
  const count = options.isLong ? RAW_CLIENTS.long : RAW_CLIENTS.short;
  return Array.from({ length: count }, (_, index) => {
    const name = `raw-${index}`;
    const isSlow = scenario.slow !== undefined && index < count / 2;
    return startStreamClient({
      name,
      // A slow reader has nothing in between: the proxy would read on its behalf.
      url: scenario.rawThroughProxy && index % 2 === 0 && !isSlow ? faultedUrl : server.url,
      key: server.serverKey,
      history,
      random: random.fork(name),
      ...(isSlow && { pausesMs: scenario.slow?.pausesMs ?? 0 }),
    });
  });
}

async function inflict(fault: Fault, run: Run, sdks: readonly SdkProcess[]): Promise<void> {
  const { clocks, server, proxy, relay, history, random, databasePath } = run;
  history.append('faults', { op: 'fault', args: fault, result: null });
  const lasting = (span: Span): Promise<void> => sleep(random.between(...span));
  switch (fault.fault) {
    case 'calm':
      return lasting(fault.forMs);
    case 'restart':
      await server.end(fault.signal);
      return server.start();
    case 'restart relay':
      await relay?.end(fault.signal);
      return relay?.start();
    case 'freeze':
      server.signal('SIGSTOP');
      await lasting(fault.forMs);
      return server.signal('SIGCONT');
    case 'freeze SDKs':
      for (const sdk of sdks) sdk.signal('SIGSTOP');
      await lasting(fault.forMs);
      for (const sdk of sdks) sdk.signal('SIGCONT');
      return;
    case 'clocks':
      clocks?.server.set(fault.byMs);
      clocks?.sdks.set(-fault.byMs);
      return untilTimeIs(server.url, fault.byMs);
    case 'crowd': {
      const { sockets, habit } = fault;
      const crowd = startCrowd({ port: server.port, key: server.serverKey, sockets, habit });
      await lasting(fault.forMs);
      // A busy machine may not have got to them yet; without a stream nothing would have been tried.
      if (habit === 'never reads') await untilStreams(crowd);
      crowd.disperse();
      return;
    }
    case 'reset':
      return proxy.reset();
    case 'proxy':
      proxy.set(fault.does);
      await lasting(fault.forMs);
      return proxy.set({});
    case 'poison': {
      await server.end('SIGTERM');
      const args = poisonVictim(databasePath, random);
      history.append('faults', { op: 'fault', args, result: null });
      return server.start();
    }
  }
}

/** @throws Error where a crowd that never reads is given no stream in time. */
async function untilStreams(crowd: { readonly streams: number }): Promise<void> {
  const end = Date.now() + CROWD_STREAMS_WITHIN_MS;
  while (crowd.streams === 0) {
    if (Date.now() > end) throw new Error('the crowd was given no stream');
    await sleep(50);
  }
}

async function complaintsAtTheEnd(
  { ends }: Scenario,
  { last }: Model,
  sdks: readonly SdkClient[],
  raw: readonly StreamClient[],
): Promise<readonly string[]> {
  const deadline = Date.now() + CONVERGED_WITHIN_MS;
  const [faulted, ...direct] = sdks;
  const awaited = ends === 'LIVE' ? sdks : direct;
  const reached = await Promise.all(awaited.map((sdk) => sdk.waitFor(last, CONVERGED_WITHIN_MS)));
  const late = awaited.filter((_, index) => reached[index] !== true);
  const complaints = late.map(
    ({ name, status }) => `end: ${name} did not reach ${last}: ${JSON.stringify(status())}`,
  );
  if (ends === 'REFUSED' && faulted?.status().state !== 'REFUSED') complaints.push('end: nobody was refused');
  while (raw.some(({ revision }) => revision < last) && Date.now() < deadline) await sleep(20);
  return complaints;
}

/** Whether nothing is wrong with what was seen, but a run on a busy machine did not do what its scenario says. */
export function provesNothing({ violations }: Pick<Outcome, 'violations'>): boolean {
  return violations.length > 0 && violations.every((violation) => violation.startsWith('run: '));
}

/** A run that did not do what its scenario says proves nothing. */
export function complaintsAbout(
  { editsFrames, interrupts, merges }: Pick<Scenario, 'editsFrames' | 'interrupts' | 'merges'>,
  entries: readonly Entry[],
  counts: Pick<Outcome['counts'], 'framesEdited' | 'heartbeats' | 'merged'>,
): readonly string[] {
  const states = entries.flatMap((entry) => (entry.op === 'status' ? [entry.result.state] : []));
  const left = states.some((state) => state === 'INTERRUPTED' || state === 'REFUSED');
  return [
    ...(editsFrames === true && counts.framesEdited === 0 ? ['run: no frame was edited'] : []),
    ...(counts.heartbeats === 0 ? ['run: no heartbeat came'] : []),
    ...(merges === true && counts.merged === 0 ? ['run: no reader was slow enough'] : []),
    ...(interrupts && !left ? ['run: no SDK has left LIVE'] : []),
  ];
}
