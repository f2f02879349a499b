import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createFlags, type Send } from '../faults/traffic.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { type Build, CURRENT, RECORDED } from './builds.ts';
import { expectNothingLost, playUnderTraffic } from './under-traffic.ts';

const SERVERS = 3;
/** How long the servers are of two builds, before the next one is replaced, in milliseconds. */
const MIXED_FOR_MS = 500;
/** Time until a writer comes back who was told to, and how often it does, before it gives up its write. */
const RETURN_MS = 500;
const ATTEMPTS_MAX = 60;

let directory: string;
let database: TestDatabase;
let servers: readonly ServerProcess[] = [];
let balancer: Balancer | undefined;

describe.skipIf(postgresMissing !== undefined)(`PostgreSQL${postgresMissing ?? ''}`, () => {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dimmer-rolling-'));
    database = await createTestDatabase();
    const settings = { DIMMER_HEARTBEAT_MS: '1000' };
    servers = await Promise.all(
      Array.from({ length: SERVERS }, () => createServerProcess(database.url, settings)),
    );
    balancer = await startBalancer(servers.map(({ port }) => port));
  });

  afterEach(async () => {
    await balancer?.close();
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await database.drop();
    await rm(directory, { recursive: true });
  });

  test.each(RECORDED.filter(({ knowsPostgres }) => knowsPostgres))(
    '[U1] three servers are replaced one by one, from $name to this build and back, and nothing is lost',
    async (earlier) => {
      for (const server of servers) await server.start(earlier.command);
      const [first] = servers;
      if (first === undefined || balancer === undefined) throw new Error('there is no server');
      const all = { url: balancer.url, adminKey: first.adminKey, serverKey: first.serverKey };
      await createFlags(all);
      const { send, failures } = patientSender();
      const played = await playUnderTraffic({
        server: all,
        builds: [earlier, CURRENT],
        directory,
        writesPerSecond: 10,
        send,
        meanwhile: async () => {
          await replaceAll(CURRENT);
          await replaceAll(earlier);
        },
      });
      expectNothingLost(played);
      expect(failures()).toEqual([]);
    },
    240_000,
  );
});

async function replaceAll(next: Build): Promise<void> {
  for (const server of servers) {
    expect(await server.end('SIGTERM'), server.output()).toBe(0);
    await server.start(next.command);
    await sleep(MIXED_FOR_MS);
  }
}

/** Comes back after a polite no, which a server that is busy may say, and keeps every other failure. */
function patientSender(): { readonly send: Send; readonly failures: () => readonly string[] } {
  const failures: string[] = [];
  const send: Send = async ({ url, adminKey }, method, path, body) => {
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
    for (let attempts = 1; ; attempts += 1) {
      const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
      if (response.status < 500) return response;
      const isPolite = response.status === 503 && response.headers.has('retry-after');
      if (!isPolite) failures.push(`${method} ${path}: ${response.status}`);
      if (!isPolite || attempts === ATTEMPTS_MAX) return response;
      await response.body?.cancel();
      await sleep(RETURN_MS);
    }
  };
  return { send, failures: () => failures };
}
