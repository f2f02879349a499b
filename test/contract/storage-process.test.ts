import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isFlagDefinition } from '@dimmer/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';
import { StorageFault } from '../../server/src/storage/storage.ts';
import { ManualClock } from './storage-subject.ts';

const KILLS = 4;
const RUN_PROGRAM = fileURLToPath(new URL('./run-program.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./storage-process.ts', import.meta.url));

interface Line {
  readonly open?: number;
  readonly revision?: number;
  /** When it was acknowledged. */
  readonly at?: number;
}

let folder: string;
let path: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dimmer-process-'));
  path = join(folder, 'dimmer.db');
});

afterEach(async () => {
  await kill();
  rmSync(folder, { recursive: true });
});

test('[S31] a second process is refused with the file, the holder and the remedy; the first is unaffected', async () => {
  const lines = start('write');
  expect(await next(lines)).toEqual({ open: child?.pid });
  const refusal = await open().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StorageFault);
  expect(refusal).toMatchObject({ fault: 'unavailable' });
  expect(String(refusal)).toContain(`${path} is in use by process ${child?.pid} on host`);
  expect(String(refusal)).toContain('DIMMER_DATABASE_URL');
  const refusedAt = Date.now();
  let line = await next(lines);
  while ((line.at ?? 0) <= refusedAt) line = await next(lines);
  expect(line.revision).toBeGreaterThan(0);
});

test('[S31] a link to the file is the same file', async () => {
  const storage = await open();
  symlinkSync(path, join(folder, 'link.db'));
  await expect(open(join(folder, 'link.db'))).rejects.toThrow(`in use by process ${process.pid}`);
  await storage.close();
});

test('[S32] a file whose process was killed opens at once', async () => {
  await next(start('hold'));
  await kill();
  const storage = await open();
  await expect(storage.ping()).resolves.toBeUndefined();
  await storage.close();
});

test('[S5] kill -9 under writes loses nothing that was acknowledged and leaves no half change', async () => {
  let acknowledged: Line = {};
  for (let round = 1; round <= KILLS; round += 1) {
    const lines = start('write');
    const enough = (acknowledged.revision ?? 0) + 37 * round;
    while ((acknowledged.revision ?? 0) < enough) acknowledged = await next(lines);
    child?.kill('SIGKILL');
    for await (const line of lines) acknowledged = line;
    await kill();
    const revision = await expectWhole();
    expect(revision).toBeGreaterThanOrEqual(acknowledged.revision ?? 0);
  }
});

/** Both environments, both flags, the change log and the audit log tell of the same revision. */
async function expectWhole(): Promise<number> {
  const storage = await open();
  const production = { project: 'shop', environment: 'production' };
  const snapshot = await storage.snapshot(production);
  const revision = snapshot?.revision ?? -1;
  const staging = await storage.snapshot({ project: 'shop', environment: 'staging' });
  const changes = await storage.changesAfter(production, 0, revision + 10);
  const [newest] = await storage.audit({ limit: 1 });
  await storage.close();
  expect(staging?.revision).toBe(revision);
  expect(changes.map((change) => change.revision)).toEqual(changes.map((_, index) => index + 1));
  expect(changes).toHaveLength(revision);
  expect(newest?.revisions).toEqual({ production: revision, staging: revision });
  const enabled = [...(snapshot?.objects ?? []), ...(staging?.objects ?? [])].map(
    (object) => isFlagDefinition(object) && object.enabled,
  );
  expect(enabled).toEqual(Array.from({ length: 4 }, () => revision % 2 === 1));
  return revision;
}

function open(file = path) {
  return openSqliteStorage({ path: file, clock: new ManualClock() });
}

function start(task: 'hold' | 'write'): AsyncGenerator<Line> {
  child = spawn(process.execPath, [RUN_PROGRAM, PROGRAM, path, task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return linesOf(child);
}

async function* linesOf({ stdout }: ChildProcess): AsyncGenerator<Line> {
  if (stdout === null) return;
  for await (const line of createInterface({ input: stdout })) {
    // The last line of a killed process may be cut off.
    if (line.endsWith('}')) yield JSON.parse(line);
  }
}

async function next(lines: AsyncGenerator<Line>): Promise<Line> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('the process ended by itself');
  return value;
}

async function kill(): Promise<void> {
  if (child === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  child = undefined;
}
