import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { impatientPlatform } from './sdk-client.ts';
import { seededRandom, seedOf } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, startWriter } from './writer.ts';

/** How often the server is killed; raise it for a long run. */
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 10);
const WRITES_PER_SECOND = 50;
const FLAG = 'written';

let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-kill-'));
  server = await createServerProcess(join(directory, 'dimmer.db'));
  await server.start();
  await createFlag(server, FLAG);
});

afterAll(async () => {
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test(
  `[DUR-2] ${KILLS} times kill -9 under ${WRITES_PER_SECOND} writes a second lose nothing acknowledged`,
  async () => {
    const seed = seedOf(process.env['DIMMER_FAULT_SEED']);
    const random = seededRandom(seed);
    const options = { url: server.url, key: server.serverKey, cache: false } as const;
    const flags = new Dimmer(options, impatientPlatform(random.fork('sdk')));
    await flags.ready({ timeoutMs: 5000 });
    const writer = startWriter(server, FLAG, WRITES_PER_SECOND);

    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = writer.acknowledged.length;
      const delayMs = random.between(20, 400);
      await expect.poll(() => writer.acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await server.end('SIGKILL');
      await server.start();
      const reached = writer.acknowledged.at(-1)?.revision ?? 0;
      expect(await flags.waitForRevision(reached, { timeoutMs: 40_000 }), `after kill ${kill}`).toBe(true);
    }
    await writer.stop();

    const history = await readHistory(server);
    const recorded = new Map(history.map(({ revision, marker }) => [revision, marker]));
    const revisions = history.map(({ revision }) => revision);
    expect(revisions, `seed ${seed}`).toEqual(revisions.map((_, index) => (revisions[0] ?? 0) + index));
    for (const { revision, marker } of writer.acknowledged) {
      expect(recorded.get(revision), `revision ${revision}, seed ${seed}`).toBe(marker);
    }

    const last = history.at(-1);
    expect(await flags.waitForRevision(last?.revision ?? 0, { timeoutMs: 40_000 })).toBe(true);
    expect(flags.detail(FLAG, { targetingKey: 'user-1' }, false)).toMatchObject({
      value: true,
      ruleId: last?.marker,
      revision: last?.revision,
    });
    await flags.close();
  },
  60_000 + KILLS * 10_000,
);
