import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createPostgresCluster } from '../../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../../faults/server-process.ts';
import { createFlags } from '../../faults/traffic.ts';

/**
 * One flag change to many streams over three servers on one PostgreSQL, beside the same change to the streams of one of
 * the three. Times count from before the request of the change until a receiver has the bytes.
 *
 *   npm run bench:many-streams [-- --streams 45000 --rounds 9 --unheard]
 *
 * `--unheard` takes the notifications of PostgreSQL away: the other two find the change with the look of the next second.
 */
const RECEIVERS = fileURLToPath(new URL('../fan-out/receivers.mjs', import.meta.url));
const FLAG = '/api/v1/projects/default/environments/production/flags/single';
const ENVIRONMENT = '/api/v1/projects/default/environments/production';
const SERVERS = 3;
const SETTLE_MS = 3_000;
const PAUSE_MS = 500;
const SETTINGS = {
  DIMMER_STREAMS_MAX: '19000',
  DIMMER_STREAMS_PER_KEY_MAX: '19000',
  DIMMER_STREAMS_PER_SECOND_MAX: '100000',
};

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      streams: { type: 'string', default: '45000' },
      rounds: { type: 'string', default: '9' },
      unheard: { type: 'boolean', default: false },
    },
  });
  const share = Math.ceil(Number(values.streams) / SERVERS);
  const cluster = await createPostgresCluster();
  if (cluster === undefined) throw new Error('PostgreSQL is needed: apt-get install postgresql');
  await cluster.start();
  if (values.unheard) await silence(cluster.url());
  const servers = await Promise.all(
    Array.from({ length: SERVERS }, () => createServerProcess(cluster.url(), SETTINGS)),
  );
  const receivers = servers.map(() => fork(RECEIVERS));
  try {
    await Promise.all(servers.map((server) => server.start()));
    await measureAll(servers, receivers, share, Number(values.rounds));
  } finally {
    for (const receiver of receivers) receiver.send({ type: 'close' });
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await cluster.remove();
  }
}

/** Found before the function of PostgreSQL, this one tells nobody. */
async function silence(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create function public.pg_notify(text, text) returns void language sql as $$ $$');
  await client.query('alter database postgres set search_path = public, pg_catalog');
  await client.end();
}

/** Each server has a receiver of its own, which holds all of its streams. */
async function measureAll(
  servers: readonly ServerProcess[],
  receivers: readonly ChildProcess[],
  share: number,
  rounds: number,
): Promise<void> {
  const [writer] = servers;
  if (writer === undefined) return;
  await createFlags(writer);
  const idle = await Promise.all(servers.map(memoryOf));
  await openAll(receivers.slice(0, 1), servers, share);
  const one = await timesOf(writer, receivers.slice(0, 1), rounds);
  await openAll(receivers.slice(1), servers.slice(1), share);
  const all = await timesOf(writer, receivers, rounds);
  const held = await Promise.all(servers.map(memoryOf));
  const added = held.map((bytes, index) => (bytes - (idle[index] ?? 0)) / 1024 / share);
  const [alone, together] = [rowOf(one), rowOf(all)];
  console.log(
    `one change to ${share * SERVERS} streams over ${SERVERS} servers, medians of ${rounds} rounds`,
  );
  console.log(`${share} streams of the server that commits   ${alone.text}`);
  console.log(`${share * SERVERS} streams of all three                ${together.text}`);
  console.log(`ratio of p99: ${(together.p99 / alone.p99).toFixed(2)} for ${SERVERS} times the streams`);
  console.log(
    `memory of the servers: ${held.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' + ')} MiB, ` +
      `${Math.max(...added).toFixed(1)} KB per stream at most`,
  );
}

async function openAll(
  receivers: readonly ChildProcess[],
  servers: readonly ServerProcess[],
  count: number,
): Promise<void> {
  await Promise.all(
    receivers.map((receiver, index) => {
      const server = servers[index];
      const request = `GET /sdk/v1/stream HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${server?.serverKey}\r\n\r\n`;
      const message = { type: 'open', group: 'all', port: server?.port, request, first: 0, count };
      return ask(receiver, { ...message, from: `127.0.0.${((server?.port ?? 0) % 200) + 2}` }, 'opened');
    }),
  );
  await sleep(SETTLE_MS);
}

/** @returns For every round, how long each stream waited, in milliseconds. */
async function timesOf(
  writer: ServerProcess,
  receivers: readonly ChildProcess[],
  rounds: number,
): Promise<readonly (readonly number[])[]> {
  const times: number[][] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const { revision } = (await rest(writer, 'GET', ENVIRONMENT)) as { readonly revision: number };
    const expected = { type: 'expect', group: 'all', revision: revision + 1 };
    await Promise.all(receivers.map((receiver) => ask(receiver, expected, 'expecting')));
    await sleep(PAUSE_MS);
    const arrivals = receivers.map((receiver) => answerOf(receiver, 'received'));
    const startedAt = Number(process.hrtime.bigint());
    await rest(writer, 'PATCH', FLAG, { targets: [{ variation: 'on', values: [`user-${round}`] }] });
    const received = (await Promise.all(arrivals)) as readonly { readonly arrivals: readonly number[] }[];
    // The first round warms everything up.
    if (round > 0) times.push(received.flatMap((part) => part.arrivals.map((at) => (at - startedAt) / 1e6)));
  }
  return times;
}

function rowOf(times: readonly (readonly number[])[]): { readonly p99: number; readonly text: string } {
  const at = (share: number): number =>
    quantile(
      times.map((round) => quantile(round, share)),
      0.5,
    );
  const [p50, p99, last] = [at(0.5), at(0.99), at(1)];
  const worst = Math.max(...times.map((round) => quantile(round, 0.99)));
  const text = `p50 ${p50.toFixed(0)} ms   p99 ${p99.toFixed(0)} ms   last ${last.toFixed(0)} ms   p99 of the worst round ${worst.toFixed(0)} ms`;
  return { p99, text };
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @returns Bytes. */
async function memoryOf(server: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${server.pid()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function rest(server: ServerProcess, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
}

async function ask(child: ChildProcess, message: object, answer: string): Promise<unknown> {
  const answered = answerOf(child, answer);
  child.send(message);
  return answered;
}

async function answerOf(child: ChildProcess, type: string): Promise<unknown> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ readonly type: string }];
    if (message.type === type) return message;
  }
}
