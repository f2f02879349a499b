import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fillStore } from '../../server/src/maintenance/fill-store.ts';
import type { ImageRow } from '../../server/src/storage/image.ts';
import { openSqliteTarget } from '../../server/src/storage/sqlite/open-sqlite-image.ts';
import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';

const RUNNER = fileURLToPath(new URL('run-program.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('endless-restore.ts', import.meta.url));

test('[MV25] what a restore that was killed leaves is refused by servers, and filled by the next restore', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dimmer-killed-'));
  const path = join(folder, 'dimmer.db');
  const clock = { now: () => Date.now() };
  const child = spawn(process.execPath, [RUNNER, PROGRAM, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await ended;
  expect((await stat(`${path}-wal`)).size).toBeGreaterThan(1_000_000);
  await expect(openSqliteStorage({ path, clock })).rejects.toThrow(
    /unfinished restore.*Run the restore again/,
  );

  const target = await openSqliteTarget({ path, clock });
  await fillStore(target, oneProject());
  await target.close();
  const storage = await openSqliteStorage({ path, clock });
  expect((await storage.projects()).map(({ key }) => key)).toEqual(['blog']);
  expect((await storage.read('blog'))?.flags.size).toBe(0);
  await storage.close();
  await rm(folder, { recursive: true });
}, 240_000);

async function* oneProject(): AsyncGenerator<ImageRow> {
  const createdAt = '2026-11-28T04:00:00.000Z';
  yield { table: 'projects', row: { key: 'blog', name: 'Blog', description: '', createdAt, version: 1 } };
}
