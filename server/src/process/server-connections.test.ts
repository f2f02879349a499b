import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import { parseSettings } from '../settings/settings.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import type { RunningServer } from './start-server.ts';
import { startServer } from './start-server.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

/** Sixteen connections, fourteen of them streams. */
const OPEN_FILES_MAX = 80;

const folder = await mkdtemp(join(tmpdir(), 'dimmer-connections-'));
afterAll(() => rm(folder, { recursive: true }));

const running: RunningServer[] = [];
const peers: Socket[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.destroy();
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start(
  variables: Record<string, string> = {},
): Promise<{ server: RunningServer; log: unknown[] }> {
  const parsed = parseSettings({ DIMMER_PORT: '0', ...variables });
  if (!parsed.ok) throw new Error('refused');
  const lines: unknown[] = [];
  const log = createLog('warn', { write: (line) => void lines.push(JSON.parse(line)) });
  const storage = new MemoryStorage({ clock: systemClock });
  const { settings } = parsed;
  const server = await startServer({
    settings,
    storage,
    log,
    version: '0.0.0',
    heldKillsFile: join(folder, 'held-kills.json'),
    openFilesMax: OPEN_FILES_MAX,
  });
  running.push(server);
  return { server, log: lines };
}

test('[A93] fewer streams are taken than the settings say where the process has no files for them (OVL-8)', async () => {
  const { server, log } = await start();
  expect(log).toMatchObject([{ openFilesMax: OPEN_FILES_MAX, streamsMax: 14, DIMMER_STREAMS_MAX: 15_000 }]);
  const authorization = `Bearer ${server.newSecrets.server ?? ''}`;
  const answers: Response[] = [];
  for (let index = 0; index < 18; index += 1) {
    answers.push(await fetch(`${server.url}/sdk/v1/stream`, { headers: { authorization } }));
  }
  expect(answers.map(({ status }) => status)).toEqual([...Array(14).fill(200), ...Array(4).fill(503)]);
  expect((await fetch(`${server.url}/sdk/v1/snapshot`, { headers: { authorization } })).status).toBe(200);
  await Promise.all(answers.map(({ body }) => body?.cancel()));
});

test('[A93] limits that fit say nothing, and a connection too many is counted and logged once', async () => {
  const { server, log } = await start({ DIMMER_STREAMS_MAX: '10' });
  expect(log).toEqual([]);
  let closed = 0;
  for (let index = 0; index < 20; index += 1) {
    const peer = connect(server.port, '127.0.0.1');
    peers.push(peer);
    peer.on('error', () => {}).resume();
    peer.on('close', () => {
      closed += 1;
    });
  }
  await vi.waitFor(() => expect(closed).toBe(4), PATIENTLY);
  for (const peer of peers) peer.destroy();
  await vi.waitFor(async () => {
    // The request itself may be one too many, as long as not all of the others have left.
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const dropped = /^dimmer_connections_dropped_total (\d+)$/m.exec(metrics)?.[1];
    expect(Number(dropped)).toBeGreaterThanOrEqual(4);
  }, PATIENTLY);
  expect(log).toMatchObject([{ connectionsMax: 16, msg: expect.stringContaining('ulimit -n') }]);
});
