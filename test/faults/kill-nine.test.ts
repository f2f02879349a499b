import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { impatientPlatform } from './sdk-client.ts';
import { seededRandom, seedOf } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, startWriter } from './writer.ts';

/** How often the server is killed; raise it for a long run. */
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 10);
const WRITES_PER_SECOND = 50;
const FLAG = 'written';

describe('on SQLite', () => {
  let directory: string;

  survivesKills({
    open: async () => {
      directory = await mkdtemp(join(tmpdir(), 'dimmer-kill-'));
      return join(directory, 'dimmer.db');
    },
    remove: () => rm(directory, { recursive: true }),
  });
});

describe.skipIf(postgresMissing !== undefined)(`on PostgreSQL${postgresMissing ?? ''}`, () => {
  let database: TestDatabase;

  survivesKills({
    open: async () => {
      database = await createTestDatabase();
      return database.url;
    },
    remove: () => database.drop(),
  });
});

/** @param store - `open` makes a database and says where; `remove` takes it away. */
function survivesKills(store: {
  readonly open: () => Promise<string>;
  readonly remove: () => Promise<void>;
}): void {
  let server: ServerProcess;

  beforeAll(async () => {
    server = await createServerProcess(await store.open());
    await server.start();
    await createFlag(server, FLAG);
  }, 120_000);

  afterAll(async () => {
    await server.end('SIGTERM');
    await store.remove();
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
}
