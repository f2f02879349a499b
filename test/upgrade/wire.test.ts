import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { type Build, CURRENT, RECORDED } from './builds.ts';
import { expectAnswers, kill, openShop, restore, serve, streamsOpened } from './shop.ts';

/** Much for a machine that does nothing else. */
const FOLLOWS_WITHIN_MS = 60_000;

const pairs = [
  ...RECORDED.map((build) => ({ server: CURRENT, sdk: build })),
  ...RECORDED.map((build) => ({ server: build, sdk: CURRENT })),
];

describe.each(pairs)('the Node SDK of $sdk.name and the server of $server.name', (pair) => {
  let directory: string;
  let server: ServerProcess;
  let proxy: FaultProxy;
  let revision: number;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dimmer-wire-'));
    server = await createServerProcess(join(directory, 'dimmer.db'));
    await server.start(pair.server.command);
    proxy = await startFaultProxy(server.port, Math.random);
    revision = await openShop(server);
  });

  afterAll(async () => {
    await proxy?.close();
    await server?.end('SIGTERM');
    await rm(directory, { recursive: true });
  });

  test('[U2] agree on every value, kill and restore, and go on from where they were', async () => {
    const flags = await connect(pair.sdk, proxy.url);
    const follows = async (to: number): Promise<void> => {
      expect(await flags.waitForRevision(to, { timeoutMs: FOLLOWS_WITHIN_MS })).toBe(true);
    };
    try {
      await follows(revision);
      await expectAnswers(server, flags);
      await follows(await kill(server, 'simple'));
      expect(flags.detail('simple', { targetingKey: 'user-1' }, true)).toMatchObject({
        value: false,
        reason: 'KILLED',
      });
      // Behind its back, so that there is something to catch up with.
      proxy.set({ answerStatus: 503 });
      proxy.reset();
      await restore(server, 'simple');
      const last = await serve(server, 'theme', 'light');
      proxy.set({});
      await follows(last);
      await expectAnswers(server, flags);
      expect(await streamsOpened(server, 'full')).toBe(1);
      expect(await streamsOpened(server, 'delta')).toBeGreaterThanOrEqual(1);
    } finally {
      await flags.close();
    }
  }, 240_000);

  async function connect(build: Build, url: string): Promise<Dimmer> {
    const Sdk = await build.sdk();
    return new Sdk({ url, key: server.serverKey, cache: false, logger: { warn() {}, error() {} } });
  }
});
