import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, putBack } from './put-back.ts';
import { impatientPlatform } from './sdk-client.ts';
import { seededRandom, seedOf } from './seeded-random.ts';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag, readHistory, startWriter, type Writer } from './writer.ts';

const FLAG = 'written';
const WRITES_PER_SECOND = 50;
const PATIENTLY = { timeout: 40_000 };

let directory: string;
let databasePath: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-put-back-'));
  databasePath = join(directory, 'dimmer.db');
  server = await createServerProcess(databasePath);
  await server.start();
  await createFlag(server, FLAG);
});

afterAll(async () => {
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});

test('[H9] a backup made under writes is one revision; put back, SDKs that were ahead start over from it (DUR-6)', async () => {
  const random = seededRandom(seedOf(process.env['DIMMER_FAULT_SEED']));
  const flags = new Dimmer(
    { url: server.url, key: server.serverKey, cache: false },
    impatientPlatform(random),
  );
  await flags.ready({ timeoutMs: 5000 });
  const backupPath = join(directory, 'backup.db');

  const writer = startWriter(server, FLAG, WRITES_PER_SECOND);
  await untilWritten(writer, 30);
  await backUp(databasePath, backupPath);
  await untilWritten(writer, writer.acknowledged.length + 30);
  await writer.stop();
  const history = await readHistory(server);
  const newest = history.at(-1)?.revision ?? 0;
  expect(await flags.waitForRevision(newest, { timeoutMs: 40_000 })).toBe(true);
  const { epoch } = flags.status();

  await server.end('SIGTERM');
  putBack(databasePath, backupPath);
  await server.start();

  const restored = await readHistory(server);
  const last = restored.at(-1);
  expect(last?.revision).toBeLessThan(newest);
  expect(restored).toEqual(history.slice(0, restored.length));
  await expect
    .poll(() => flags.status(), PATIENTLY)
    .toMatchObject({ state: 'LIVE', revision: last?.revision });
  expect(flags.status().epoch).not.toBe(epoch);
  expect(served(flags)).toBe(last?.marker);

  const again = startWriter(server, FLAG, WRITES_PER_SECOND);
  await untilWritten(again, 5);
  await again.stop();
  await expect.poll(() => served(flags), PATIENTLY).toBe((await readHistory(server)).at(-1)?.marker);
  await flags.close();
}, 120_000);

function untilWritten(writer: Writer, writes: number): Promise<void> {
  return expect.poll(() => writer.acknowledged.length, PATIENTLY).toBeGreaterThanOrEqual(writes);
}

/** The rule that decides is the marker of the write that put it in. */
function served(flags: Dimmer): string | undefined {
  return flags.detail(FLAG, { targetingKey: 'user-1' }, false).ruleId;
}
