import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import { createPostgresCluster } from './postgres-cluster.ts';
import { impatientPlatform } from './sdk-client.ts';
import { seededRandom, seedOf } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, startWriter } from './writer.ts';

/** How often something is killed; raise it for a long run. */
const KILLS = Number(process.env['DIMMER_TEST_KILLS'] ?? 10);
const WRITES_PER_SECOND = 50;
const FLAG = 'written';
const PATIENTLY = { timeout: 40_000, interval: 20 };
/** Each mostly waits, for a server of its own: together they take the time of the longest. */
const SIDE_BY_SIDE = { concurrent: true };

const cluster = await createPostgresCluster();
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');
const noPrograms = cluster === undefined ? ': skipped, this machine has no programs of PostgreSQL' : '';

describe('on SQLite', SIDE_BY_SIDE, () => {
  let directory: string;

  survivesKills({
    open: async () => {
      directory = await mkdtemp(join(tmpdir(), 'dimmer-kill-'));
      return join(directory, 'dimmer.db');
    },
    remove: () => rm(directory, { recursive: true }),
  });
});

describe.skipIf(postgresMissing !== undefined)(`on PostgreSQL${postgresMissing ?? ''}`, SIDE_BY_SIDE, () => {
  let database: TestDatabase;

  survivesKills({
    open: async () => {
      database = await createTestDatabase();
      return database.url;
    },
    remove: () => database.drop(),
  });
});

describe.skipIf(cluster === undefined)(`on a PostgreSQL that crashes${noPrograms}`, SIDE_BY_SIDE, () => {
  survivesKills({
    what: 'a crash of PostgreSQL',
    open: async () => {
      await cluster?.start();
      return cluster?.url() ?? '';
    },
    remove: async () => cluster?.remove(),
    kill: async () => {
      await cluster?.stop('immediate');
      await cluster?.start();
    },
  });
});

interface Store {
  /** Makes a database, and says where. */
  readonly open: () => Promise<string>;
  /** Takes it away. */
  readonly remove: () => Promise<void>;
  /** What is killed. Default: the server, with `kill -9`. */
  readonly what?: string;
  /** Kills it, and starts it again. Default: the server. */
  readonly kill?: () => Promise<void>;
}

function survivesKills({ open, remove, what = 'kill -9', kill }: Store): void {
  let server: ServerProcess;

  async function killServer(): Promise<void> {
    await server.end('SIGKILL');
    await server.start();
  }

  beforeAll(async () => {
    server = await createServerProcess(await open());
    await server.start();
    await createFlag(server, FLAG);
  });

  afterAll(async () => {
    await server.end('SIGTERM');
    await remove();
  });

  test(
    `[DUR-2] ${KILLS} times ${what} under ${WRITES_PER_SECOND} writes a second lose nothing acknowledged`,
    async () => {
      const seed = seedOf(process.env['DIMMER_FAULT_SEED']);
      const random = seededRandom(seed);
      const options = { url: server.url, key: server.serverKey, cache: false } as const;
      const flags = new Dimmer(options, impatientPlatform(random.fork('sdk')));
      await flags.ready({ timeoutMs: 40_000 });
      const writer = startWriter(server, FLAG, WRITES_PER_SECOND);

      for (let count = 0; count < KILLS; count += 1) {
        const before = writer.acknowledged.length;
        const delayMs = random.between(20, 400);
        await vi.waitFor(() => expect(writer.acknowledged.length).toBeGreaterThan(before), PATIENTLY);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        await (kill ?? killServer)();
        const reached = writer.acknowledged.at(-1)?.revision ?? 0;
        expect(await flags.waitForRevision(reached, { timeoutMs: 40_000 }), `after kill ${count}`).toBe(true);
      }
      await writer.stop();

      // A server that has just lost its database finds it again within a second or so.
      const history = await vi.waitFor(() => readHistory(server), PATIENTLY);
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
    60_000 + KILLS * 30_000,
  );
}
