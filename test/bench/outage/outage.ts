/**
 * What an outage of the database costs: a PostgreSQL is ended as by a crash while 20 programs, 50 pages, pollers and
 * callers of OFREP go on, somebody writes, and a kill is sent in its middle. A minute long, or `--minutes`, after as long
 * a time with the database, and a kill in its middle too, which is what is normal.
 *
 * OVL-7 is judged by three figures:
 * - **internal retries**: connections that the server asks its database for, per request that it receives. No connection
 *   outlives the crash, so each attempt at the database begins with one. All count, also those that no request is the
 *   cause of (a look a second, which is the probe; the listener): they are as many under any load.
 * - **the breaker opens**: from the crash to the line of the log that says so; from then on no request makes an attempt.
 * - **offered load of SDKs**: streams opened, polls and reports of the programs per second, while the database is away
 *   and before. They evaluate all the time, so each reports every 10 s. Reconnections after the outage are not part of it.
 */
import { parseArgs } from 'node:util';
import { createPostgresCluster } from '../../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../../faults/server-process.ts';
import type { Audience } from './audience.ts';
import { gather } from './audience.ts';
import { startCountingProxy } from './counting-proxy.ts';
import type { RequestCount } from './request-count.ts';
import { countRequests } from './request-count.ts';

/** What OVL-7 allows. */
const RETRIES_PER_REQUEST_MAX = 0.1;
const OPENS_WITHIN_MS = 5_000;
const LOAD_RATIO_MAX = 1.1;

const PROGRAMS = 20;
const PAGES = 50;
const FLAG = 'checkout-v2';
const CLIENT_KEY = `dim_cli_${'Client'.repeat(6)}`;
const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;
const CONFIGURATION = `${ENVIRONMENT}/flags/${FLAG}`;

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...words], options: { minutes: { type: 'string', default: '1' } } });
  const outageMs = Number(values.minutes) * 60_000;
  const cluster = await createPostgresCluster();
  if (cluster === undefined) throw new Error('this machine has no PostgreSQL programs');
  await cluster.start();
  const proxy = await startCountingProxy(cluster.port);
  const server = await createServerProcess(`postgres://dimmer@127.0.0.1:${proxy.port}/postgres`, {
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY,
    // Pages and callers of OFREP share one address and one key here.
    DIMMER_CLIENT_REQUESTS_PER_SECOND: '5000',
    DIMMER_CLIENT_KEY_REQUESTS_PER_SECOND: '5000',
  });
  try {
    await server.start();
    await send(server, 'POST', `${PROJECT}/flags`, { key: FLAG, exposeToClients: true });
    await send(server, 'PATCH', CONFIGURATION, { enabled: true, fallthrough: { variation: 'on' } });
    const place = { url: server.url, serverKey: server.serverKey, clientKey: CLIENT_KEY, flag: FLAG };
    const audience = await gather(place, PROGRAMS, PAGES);
    const requests = countRequests(server.url);
    await settle(5_000);
    const beganAt = performance.now();
    const killingBefore = settle(outageMs / 2).then(() => killReference(server, audience));
    const normal = await loadOver(requests, async () => {
      await killingBefore;
      await settle(beganAt + outageMs - performance.now());
    });
    const reference = await killingBefore;
    const attemptsBefore = proxy.attempts();
    const before = { ...audience.tally };
    const epoch = audience.readers[0]?.flags.status().epoch;

    await cluster.stop('immediate');
    const stoppedAt = performance.now();
    const opened = until(async () => server.output().includes(AWAY)).then(() => performance.now());
    const writer = startWriter(server);
    const killing = settle(outageMs / 2).then(() => killed(server, audience, { breakGlass: true }));
    const away = await loadOver(requests, async () => {
      await killing;
      await settle(stoppedAt + outageMs - performance.now());
    });
    const attempts = proxy.attempts() - attemptsBefore;
    const glass = await killing;
    const openedMs = (await opened) - stoppedAt;
    const writes = await writer.stop();

    await cluster.start();
    const backAt = performance.now();
    await until(async () => (await heldKills(server)) === 0);
    const committedMs = performance.now() - backAt;
    await until(async () => audience.readers.every(({ flags }) => flags.status().epoch === epoch));
    const crossedMs = performance.now() - backAt;
    await settle(2_000);
    const { tally } = audience;
    const spent = (name: keyof typeof tally): number => tally[name] - before[name];

    console.log(
      `the database away for ${(outageMs / 1_000).toFixed(0)} s; ${PROGRAMS} programs, ${PAGES} pages`,
    );
    console.log(`evaluations in programs  ${spent('evaluations')}, failed ${spent('evaluationsFailed')}`);
    console.log(`evaluations by OFREP     ${spent('answers')}, failed ${spent('answersFailed')}`);
    console.log(`polls of the snapshot    ${spent('polls')}, failed ${spent('pollsFailed')}`);
    console.log(
      `streams of programs      ${spent('streamsLost')} left for another server (after 75 s, F59) or lost`,
    );
    console.log(`streams of pages         ${spent('pagesEnded')} ended`);
    console.log(
      `writes                   ${writes.times.length}, ${writes.refused} of them 503: ${figures(writes.times)} ms`,
    );
    console.log(
      `  reference: GET /livez  ${figures(writes.trips)} ms; ratio p99 ${ratio(writes.times, writes.trips)}`,
    );
    console.log(
      `kill, glass broken       answered ${glass.status} in ${glass.answeredMs.toFixed(0)} ms, off in programs: ${figures(glass.offMs)} ms`,
    );
    console.log(
      `  reference: a kill that the database took, off in programs: ${figures(reference.offMs)} ms; ratio p99 ${ratio(glass.offMs, reference.offMs)}`,
    );
    console.log(
      `back                     committed ${committedMs.toFixed(0)} ms after the database answers, all programs in its epoch after ${crossedMs.toFixed(0)} ms`,
    );
    console.log(`served on after it was off: ${tally.flips} times`);
    const perRequest = attempts / away.requests;
    judge(
      'internal retries',
      `${attempts} attempts at the database, ${(attempts / away.seconds).toFixed(2)} a second, for ${away.requests} requests: ${(100 * perRequest).toFixed(1)} %`,
      perRequest <= RETRIES_PER_REQUEST_MAX,
    );
    judge('the breaker opened', `after ${openedMs.toFixed(0)} ms`, openedMs <= OPENS_WITHIN_MS);
    const [then, now] = [normal.ofSdks / normal.seconds, away.ofSdks / away.seconds];
    judge(
      'offered load of SDKs',
      `${now.toFixed(2)} requests a second, ${then.toFixed(2)} before: ${(now / then).toFixed(2)} times`,
      now <= then * LOAD_RATIO_MAX,
    );
    requests.stop();
    await audience.stop();
  } finally {
    await server.end('SIGTERM');
    proxy.close();
    await cluster.remove();
  }
}

/** What the server logs when the breaker opens. */
const AWAY = 'the database does not answer: writes are refused';

interface Load {
  readonly seconds: number;
  readonly requests: number;
  readonly ofSdks: number;
}

/** What is asked for while something goes on. */
async function loadOver(requests: RequestCount, run: () => Promise<void>): Promise<Load> {
  const [startedAt, all, ofSdks] = [performance.now(), requests.all(), requests.ofSdks()];
  await run();
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    requests: requests.all() - all,
    ofSdks: requests.ofSdks() - ofSdks,
  };
}

function judge(name: string, figure: string, holds: boolean): void {
  console.log(`${name.padEnd(25)}${figure}${holds ? '' : '   DOES NOT HOLD'}`);
  if (!holds) process.exitCode = 1;
}

interface Kill {
  readonly status: number;
  readonly answeredMs: number;
  /** Of each program, from the request on. */
  readonly offMs: readonly number[];
}

/** The same while the database is there; then the flag is on again everywhere. */
async function killReference(server: ServerProcess, audience: Audience): Promise<Kill> {
  const kill = await killed(server, audience, {});
  audience.unwatch();
  await send(server, 'POST', `${CONFIGURATION}/restore`, {});
  const isOn = (): boolean =>
    audience.readers.every(({ flags }) => flags.boolean(FLAG, { targetingKey: 'user-1' }, false));
  await until(async () => isOn());
  return kill;
}

async function killed(server: ServerProcess, audience: Audience, fields: object): Promise<Kill> {
  audience.watch();
  const sentAt = performance.now();
  const { status } = await ask(server, 'POST', `${CONFIGURATION}/kill`, { reason: 'measured', ...fields });
  const answeredMs = performance.now() - sentAt;
  await until(async () => audience.readers.every(({ offAt }) => offAt !== undefined));
  return { status, answeredMs, offMs: audience.readers.map(({ offAt = 0 }) => offAt - sentAt) };
}

/** Somebody who writes twice a second, with an empty request right behind each write. */
function startWriter(server: ServerProcess) {
  const [times, trips]: [number[], number[]] = [[], []];
  let refused = 0;
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      const start = performance.now();
      const { status } = await ask(server, 'PATCH', CONFIGURATION, { enabled: true });
      const answered = performance.now();
      await ask(server, 'GET', '/livez');
      times.push(answered - start);
      trips.push(performance.now() - answered);
      refused += status === 503 ? 1 : 0;
      await settle(500);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await writing;
      return { times, trips, refused };
    },
  };
}

async function heldKills(server: ServerProcess): Promise<number> {
  const { body } = await ask(server, 'GET', `${ENVIRONMENT}/held-kills`);
  return (body as { readonly items: readonly unknown[] }).items.length;
}

async function ask(
  server: ServerProcess,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

async function send(...request: Parameters<typeof ask>): Promise<void> {
  const { status, body } = await ask(...request);
  if (status >= 300) throw new Error(`${request[1]} ${request[2]}: ${status} ${JSON.stringify(body)}`);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await settle(1);
}

function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((one, other) => one - other)[Math.ceil(values.length * q) - 1] ?? Number.NaN;
}

function figures(values: readonly number[]): string {
  const [p50, p99] = [quantile(values, 0.5), quantile(values, 0.99)];
  return `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}`;
}

function ratio(values: readonly number[], reference: readonly number[]): string {
  return (quantile(values, 0.99) / quantile(reference, 0.99)).toFixed(1);
}
