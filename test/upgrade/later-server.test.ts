import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { CURRENT, RECORDED } from './builds.ts';
import { FLAG_OF_TOMORROW, type LaterServer, startLaterServer } from './later-server.ts';
import { createFlag, expectAnswers, kill, openShop, serve, streamsOpened } from './shop.ts';

/** Much for a machine that does nothing else. */
const FOLLOWS_WITHIN_MS = 60_000;
const EVERYBODY = { targetingKey: 'user-1', name: 'Dimmer' };

const SILENT = { warn() {}, error() {} };

let directory: string;
let server: ServerProcess;
let later: LaterServer;
let revision: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-later-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), { DIMMER_HEARTBEAT_MS: '1000' });
  await server.start();
  later = await startLaterServer(server.url);
  await openShop(server);
  const when = { attribute: 'name', op: 'in', values: ['Dimmer'] };
  const rules = [{ id: 'sounds-like', when, serve: { variation: 'on' } }];
  revision = await createFlag(server, FLAG_OF_TOMORROW, { type: 'boolean' }, { rules });
});

afterEach(async () => {
  await later?.close();
  await server?.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test.each([CURRENT, ...RECORDED])(
  '[U3] news of a later server turn one flag off, and nothing else, in the Node SDK of $name',
  async (build) => {
    const Sdk = await build.sdk();
    const flags = new Sdk({ url: later.url, key: server.serverKey, cache: false, logger: SILENT });
    const follows = async (to: number): Promise<void> => {
      expect(await flags.waitForRevision(to, { timeoutMs: FOLLOWS_WITHIN_MS })).toBe(true);
    };
    try {
      await follows(revision);
      await expectAnswers(server, flags);
      expect(flags.detail(FLAG_OF_TOMORROW, EVERYBODY, true)).toMatchObject({
        value: false,
        variation: 'off',
        reason: 'ERROR',
        errorCode: 'UNSUPPORTED',
      });
      await follows(await kill(server, 'simple'));
      later.reset();
      await follows(await serve(server, 'theme', 'light'));
      await expectAnswers(server, flags);
      expect(later.edited()).toBeGreaterThan(0);
      // A digest that does not fit, or a message that is minded, would have fetched everything again.
      expect(await streamsOpened(server, 'full')).toBe(1);
    } finally {
      await flags.close();
    }
  },
  120_000,
);
