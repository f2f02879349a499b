import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { BackupDamage } from './backup-damage.ts';

/** The owner alone: a backup has the hashes of keys. */
const MODE = 0o600;

/** What gzip begins with. */
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * Writes a file that is whole, or not there under its name: it has another one until it has reached the disk. A name that
 * ends in `.gz` makes it smaller with gzip.
 *
 * @returns Its bytes.
 */
export async function writeBackupFile(path: string, parts: AsyncIterable<string>): Promise<number> {
  const partial = `${path}.partial`;
  await rm(partial, { force: true });
  try {
    const from = Readable.from(parts);
    const to = createWriteStream(partial, { flags: 'wx', mode: MODE, flush: true });
    await (path.endsWith('.gz') ? pipeline(from, createGzip(), to) : pipeline(from, to));
    await rename(partial, path);
    await syncFolder(dirname(path));
    return to.bytesWritten;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** The new name has to reach the disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * The bytes of a backup, unpacked where it is packed.
 *
 * @throws BackupDamage where it cannot be unpacked; the system's error where it cannot be read.
 */
export async function* readBackupFile(path: string): AsyncGenerator<Uint8Array> {
  const packed = await isPacked(path);
  const bytes = createReadStream(path);
  if (!packed) {
    yield* bytes;
    return;
  }
  try {
    // A fault of the file itself destroys both.
    const unpacked = createGunzip();
    bytes.on('error', (cause) => unpacked.destroy(cause));
    yield* bytes.pipe(unpacked);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('Z_')) {
      throw new BackupDamage(`it cannot be unpacked (${cause.message})`);
    }
    throw cause;
  }
}

async function isPacked(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(GZIP_MAGIC.length), 0, GZIP_MAGIC.length, 0);
    return GZIP_MAGIC.every((byte, index) => buffer[index] === byte);
  } finally {
    await file.close();
  }
}

/**
 * The name of a backup in a folder.
 *
 * @param now - Milliseconds since the Unix epoch.
 * @example nameAt(Date.parse('2026-11-28T04:05:06.789Z')) // 'dimmer-2026-11-28T040506.789Z.jsonl.gz'
 */
export function nameAt(now: number): string {
  const time = new Date(now).toISOString().replaceAll(':', '');
  return `dimmer-${time}.jsonl.gz`;
}
