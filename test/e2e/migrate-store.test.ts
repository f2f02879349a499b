import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Dimmer } from '@dimmer/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, postgresMissing } from '../contract/postgres-database.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { createFlag, readHistory, startWriter } from '../faults/writer.ts';
import { startOperator } from './operator-process.ts';

const FLAG = 'written';
const PATIENTLY = { timeout: 60_000 };

let directory: string;
let server: ServerProcess;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dimmer-move-'));
  server = await createServerProcess(join(directory, 'old.db'));
  await server.start();
  await createFlag(server, FLAG);
});
afterEach(async () => {
  await server.end('SIGKILL');
  await rm(directory, { recursive: true });
});

async function dimmer(...words: readonly string[]) {
  const run = startOperator(words, {});
  return { code: await run.exit, out: run.out(), err: run.err() };
}

function url(name: string): string {
  return `file:${join(directory, name)}`;
}

async function write(count: number): Promise<void> {
  const writer = startWriter(server, FLAG, 50);
  await expect.poll(() => writer.acknowledged.length, PATIENTLY).toBeGreaterThanOrEqual(count);
  await writer.stop();
}

test('[MV28] [MV26] an SDK goes on by delta at a server on the store that was moved, there and back', async () => {
  const flags = new Dimmer({ url: server.url, key: server.serverKey, cache: false });
  await flags.ready({ timeoutMs: 40_000 });
  await write(20);
  const history = await readHistory(server);
  expect(await flags.waitForRevision(history.at(-1)?.revision ?? 0, { timeoutMs: 40_000 })).toBe(true);
  const { epoch } = flags.status();

  const refused = await dimmer('migrate-store', '--from', url('old.db'), '--to', url('new.db'));
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toContain(`in use by process ${server.pid()}`);

  const itself = await dimmer('migrate-store', '--from', url('old.db'), '--to', url('./old.db'));
  expect(itself).toMatchObject({ code: 2, out: '' });
  expect(itself.err).toContain('--from and --to name the same file');

  const database = postgresMissing === undefined ? await createTestDatabase() : undefined;
  await moveAndServe(url('old.db'), database?.url ?? url('new.db'));
  await goesOn(flags, history, epoch);
  await moveAndServe(database?.url ?? url('new.db'), url('back.db'));
  await goesOn(flags, history, epoch);
  await flags.close();
  await database?.drop();
}, 240_000);

/** Ends the server, moves its store, and serves the new one on the same port. */
async function moveAndServe(from: string, to: string): Promise<void> {
  await server.end('SIGTERM');
  const moved = await dimmer('migrate-store', '--from', from, '--to', to);
  expect(moved.code, moved.err).toBe(0);
  expect(moved.out).toContain(`DIMMER_DATABASE_URL=${to} dimmer serve`);
  server = await createServerProcess(to.replace(/^file:/, ''), { DIMMER_PORT: String(server.port) });
  await server.start();
}

async function goesOn(
  flags: Dimmer,
  history: Awaited<ReturnType<typeof readHistory>>,
  epoch: string | null,
): Promise<void> {
  await write(3);
  const now = await readHistory(server);
  expect(now.slice(0, history.length)).toEqual(history);
  expect(await flags.waitForRevision(now.at(-1)?.revision ?? 0, { timeoutMs: 60_000 })).toBe(true);
  expect(flags.status()).toMatchObject({ epoch, resyncs: 0 });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).not.toMatch(/dimmer_streams_opened_total\{mode="full"\} [1-9]/);
  expect(metrics).toMatch(/dimmer_streams_opened_total\{mode="(delta|none)"\} [1-9]/);
}

test('[MV21] [MV22] [MV23] [MV24] a backup is whole or refused, and says why', async () => {
  await write(10);
  const path = join(directory, 'backup.jsonl.gz');
  const made = await dimmer('backup', '--from', url('old.db'), '--to', path);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).filter((name) => name.includes('partial'))).toEqual([]);
  const again = await dimmer('backup', '--from', url('old.db'), '--to', path);
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is there already') });

  const cut = join(directory, 'cut.jsonl.gz');
  await copyFile(path, cut);
  truncateSync(cut, statSync(cut).size - 100);
  const damaged = await dimmer('restore-backup', '--from', cut, '--to', url('restored.db'));
  expect(damaged).toMatchObject({ code: 1, out: '' });
  expect(damaged.err).toContain('is damaged: it cannot be unpacked');
  expect(damaged.err).toContain('Nothing was written.');
  expect(existsSync(join(directory, 'restored.db'))).toBe(false);

  const later = join(directory, 'later.jsonl');
  const [header = '', ...lines] = gunzipSync(readFileSync(path)).toString().split('\n');
  const future = { ...(JSON.parse(header) as object), version: 2, dimmer: '9.1.0' };
  await writeFile(later, [JSON.stringify(future), ...lines].join('\n'));
  const early = await dimmer('restore-backup', '--from', later, '--to', url('restored.db'));
  expect(early).toMatchObject({ code: 1, out: '' });
  expect(early.err).toContain('is of form 2, and this version of Dimmer reads 1.');
  expect(early.err).toContain('Restore it with Dimmer 9.1.0');
  expect(existsSync(join(directory, 'restored.db'))).toBe(false);

  const full = await dimmer('restore-backup', '--from', path, '--to', url('old.db'));
  expect(full).toMatchObject({ code: 1, err: expect.stringContaining('in use by process') });
  const restored = await dimmer('restore-backup', '--from', path, '--to', url('restored.db'));
  expect(restored).toMatchObject({ code: 0, err: '' });
  const kept = await dimmer('restore-backup', '--from', path, '--to', url('kept.db'), '--keep-epoch');
  expect(kept).toMatchObject({ code: 0, err: '' });
  const [before, renewed, same] = [made, restored, kept].map(({ out }) => standingsIn(out));
  expect(before?.map(({ place }) => place)).toEqual([
    'default/production',
    'default/staging',
    'default/development',
  ]);
  expect(same).toEqual(before);
  for (const [index, { epoch, ...standing }] of (before ?? []).entries()) {
    expect(renewed?.[index]).toMatchObject(standing);
    expect(renewed?.[index]?.epoch).not.toBe(epoch);
  }
  const twice = await dimmer('restore-backup', '--from', path, '--to', url('restored.db'));
  expect(twice).toMatchObject({ code: 1, err: expect.stringContaining('is not empty') });
  const folder = join(directory, 'backups/daily');
  for (const to of [folder, `${folder}/`]) {
    expect(await dimmer('backup', '--from', url('old.db'), '--to', to)).toMatchObject({ code: 0 });
  }
  for (const name of readdirSync(folder)) expect(name).toMatch(/^dimmer-.*\.jsonl\.gz$/);
  expect(await dimmer('backup', '--from', 'nowhere', '--to', path)).toMatchObject({ code: 1 });
  expect(await dimmer('backup')).toMatchObject({ code: 2 });
}, 240_000);

/** Where the environments stand, as the commands print it. */
function standingsIn(text: string) {
  return [...text.matchAll(/^(default\/\w+) +(\d+) +(\d+) {2}(\w+)$/gm)].map(
    ([, place, revision, digest, epoch]) => ({ place, revision, digest, epoch }),
  );
}
