import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rowOf } from '../storage/image.arbitrary.ts';
import type { ImageRow } from '../storage/image.ts';
import { BackupDamage } from './backup-damage.ts';
import { nameAt, readBackupFile, writeBackupFile } from './backup-file.ts';
import { headerOf } from './backup-header.ts';
import { readLines, writeLines } from './backup-lines.ts';

const ROWS = Array.from({ length: 200 }, (_, index) =>
  rowOf('replies', ['k1', `key-${index}`, 'fingerprint', `{"status":200,"body":"Größe ${index}"}`, index]),
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dimmer-backup-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

function lines(): AsyncGenerator<string> {
  return writeLines(headerOf({ takenAt: '', adapter: 'sqlite', dimmer: '0.1.0' }), each(ROWS));
}

async function rowsIn(path: string): Promise<ImageRow[]> {
  const rows: ImageRow[] = [];
  for await (const row of readLines(readBackupFile(path))) rows.push(row);
  return rows;
}

test('[MV21] a file is read as it was written, packed or not, and packing makes it smaller', async () => {
  const [plain, packed] = [join(folder, 'a.jsonl'), join(folder, 'a.jsonl.gz')];
  const [plainBytes, packedBytes] = [
    await writeBackupFile(plain, lines()),
    await writeBackupFile(packed, lines()),
  ];
  expect(await rowsIn(plain)).toEqual(ROWS);
  expect(await rowsIn(packed)).toEqual(ROWS);
  expect(plainBytes).toBe(readFileSync(plain).length);
  expect(packedBytes).toBe(readFileSync(packed).length);
  expect(packedBytes).toBeLessThan(plainBytes / 2);
});

test('[MV21] where writing fails there is no file, under any name', async () => {
  async function* failing() {
    yield 'half';
    throw new Error('the store is gone');
  }
  const before = readdirSync(folder);
  await expect(writeBackupFile(join(folder, 'b.jsonl.gz'), failing())).rejects.toThrow('the store is gone');
  await expect(writeBackupFile(join(folder, 'missing', 'b.jsonl'), lines())).rejects.toThrow('ENOENT');
  expect(readdirSync(folder)).toEqual(before);
});

test('[MV22] a packed file with another byte anywhere is refused, or holds what was written (DUR-5)', async () => {
  const path = join(folder, 'c.jsonl.gz');
  await writeBackupFile(path, lines());
  const whole = readFileSync(path);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
      const bytes = Buffer.from(whole);
      bytes[index] = (bytes[index] ?? 0) ^ flip;
      const spoilt = join(folder, 'spoilt.jsonl.gz');
      writeFileSync(spoilt, bytes);
      // Some of the first ten bytes say nothing about what is packed.
      const outcome = await rowsIn(spoilt).catch((cause: unknown) => cause);
      if (Array.isArray(outcome)) expect(outcome).toEqual(ROWS);
      else expect(outcome).toBeInstanceOf(BackupDamage);
      refused += Array.isArray(outcome) ? 0 : 1;
    }),
    { numRuns: 300 },
  );
  expect(refused).toBeGreaterThan(250);
  expect(existsSync(path)).toBe(true);
});

test('[MV22] a file that is not there is told as such', async () => {
  await expect(rowsIn(join(folder, 'none.jsonl'))).rejects.toThrow('ENOENT');
});

test('[MV21] in a folder it is named after the time, without what a file system minds', () => {
  expect(nameAt(Date.parse('2026-11-28T04:05:06.789Z'))).toBe('dimmer-2026-11-28T040506.789Z.jsonl.gz');
});
