import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createFlags } from '../faults/traffic.ts';
import { CURRENT, RECORDED } from './builds.ts';
import { expectNothingLost, playUnderTraffic } from './under-traffic.ts';

let directory: string;
let server: ServerProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-in-place-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), { DIMMER_HEARTBEAT_MS: '1000' });
});

afterEach(async () => {
  await server.end('SIGKILL');
  await rm(directory, { recursive: true });
});

test.each(RECORDED)(
  '[U1] from $name to this build and back on one SQLite file nothing is lost, and streams resume by delta',
  async (earlier) => {
    await server.start(earlier.command);
    await createFlags(server);
    const played = await playUnderTraffic({
      server,
      builds: [earlier, CURRENT],
      directory,
      writesPerSecond: 25,
      meanwhile: async (followed) => {
        for (const next of [CURRENT, earlier]) {
          expect(await server.end('SIGTERM'), server.output()).toBe(0);
          await server.start(next.command);
          await followed();
        }
      },
    });
    expectNothingLost(played);
  },
  180_000,
);
