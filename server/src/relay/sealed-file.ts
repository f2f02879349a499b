import { createHmac, timingSafeEqual } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';

/** Characters of a seal: HMAC-SHA256, hex. */
const SEAL_CHARACTERS = 64;

/** What became of a file. */
export type SealedReading =
  | { readonly outcome: 'read'; readonly body: string }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unusable'; readonly problem: string };

/**
 * Writes text under a seal, so that damage is found, and files that somebody put there who does not know the secret.
 * A reader finds the old file or the new one, never half of it; nobody but the user of the process reads either.
 *
 * @param temporary - A path in the same folder that nobody else uses.
 * @throws The error of the system where it cannot be written.
 */
export async function writeSealed(
  path: string,
  temporary: string,
  secret: string,
  body: string,
): Promise<void> {
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
