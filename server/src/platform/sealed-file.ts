import { createHmac, timingSafeEqual } from 'node:crypto';
import { open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from './random.ts';

/** Characters of a seal: HMAC-SHA256, hex. */
const SEAL_CHARACTERS = 64;

/** Temporary files of writers that were killed are cleared away after this time, in milliseconds. */
const ABANDONED_AFTER_MS = 60_000;

/** What became of a file. */
export type SealedReading =
  | { readonly outcome: 'read'; readonly body: string }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unusable'; readonly problem: string };

/**
 * Writes text under a seal, so that damage is found, and files that somebody put there who does not know the secret.
 * A reader finds the old file or the new one, never half of it; nobody but the user of the process reads either.
 *
 * @param secret - What it is sealed with. Empty: the seal is a checksum, which finds damage and no forgery.
 * @throws The error of the system where it cannot be written.
 */
export async function writeSealed(path: string, secret: string, body: string, random: Random): Promise<void> {
  const temporary = `${path}.${Buffer.from(random.bytes(8)).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${sealOf(secret, body)}\n${body}`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw cause;
  }
}

/** Reads what {@link writeSealed} wrote. Anything wrong with it is a problem, never an exception. */
export async function readSealed(path: string, secret: string, bytesMax: number): Promise<SealedReading> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return unusable('it is not a file');
    if (found.size > bytesMax) return unusable(`it is larger than ${bytesMax} bytes`);
    const text = await readFile(path, 'utf8');
    const body = text.slice(SEAL_CHARACTERS + 1);
    return isEqual(sealOf(secret, body), text.slice(0, SEAL_CHARACTERS))
      ? { outcome: 'read', body }
      : unusable('it is damaged, or was written with another key');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { outcome: 'absent' };
    return unusable(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Deletes what killed writers of {@link writeSealed} have left of files whose names begin with this. */
export async function clearAbandoned(folder: string, prefix: string, now: number): Promise<void> {
  try {
    for (const entry of await readdir(folder)) {
      if (!entry.startsWith(prefix) || !entry.endsWith('.tmp')) continue;
      const path = join(folder, entry);
      if (now - (await stat(path)).mtimeMs > ABANDONED_AFTER_MS) await unlink(path);
    }
  } catch {
    // The folder does not exist yet, or another process was faster.
  }
}

function sealOf(secret: string, body: string): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

function isEqual(expected: string, found: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(found)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function unusable(problem: string): SealedReading {
  return { outcome: 'unusable', problem };
}
