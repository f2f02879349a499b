import { randomUUID } from 'node:crypto';
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Clock, Snapshot, StoredSnapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import type { CacheOwner } from './cache-file.ts';
import { decodeCacheFile, encodeCacheFile, identityOf } from './cache-file.ts';
import { makeFolder } from './make-folder.ts';
import { problemOf } from './problem-of.ts';
import { readBounded } from './read-bounded.ts';

/** Keeps the last good snapshot on disk. None of its methods throws or rejects. */
export interface DiskCache {
  /** What an earlier run has left, if it can be used. */
  readonly load: () => StoredSnapshot<WireObject> | null;
  /** Writes it soon. Of several in a row, the last. */
  readonly save: (snapshot: Snapshot<WireObject>) => void;
  /** Writes now what was not written yet. */
  readonly flush: () => Promise<void>;
}

export interface DiskCacheOptions {
  readonly owner: CacheOwner;
  /** `undefined`: a directory of this user under the system's temporary directory. */
  readonly directory: string | undefined;
  readonly bytesMax: number;
  readonly delayMs: number;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly warn: (message: string) => void;
}

/** Temporary files of writers that were killed are cleared away after this time. */
const ABANDONED_AFTER_MS = 60_000;

/** A cache in one file per server and key. A file is replaced whole or not at all. */
export function diskCache(options: DiskCacheOptions): DiskCache {
  const { owner, bytesMax, wallNow } = options;
  const directory = options.directory ?? defaultDirectory();
  const name = `dimmer-${identityOf(owner)}.json`;
  const path = join(directory, name);
  let unwritten: Snapshot<WireObject> | undefined;
  let cancelTimer: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();
  let warned = false;

  function warn(message: string): void {
    if (!warned) options.warn(`the cache ${path} is not used: ${message}`);
    warned = true;
  }

  function load(): StoredSnapshot<WireObject> | null {
    clearAbandoned(directory, name, wallNow());
    const file = readBounded(path, bytesMax);
    if (file.outcome === 'absent') return null;
    const reading =
      file.outcome === 'unreadable' ? { ok: false as const, ...file } : decodeCacheFile(owner, file.text);
    if (!reading.ok) {
      warn(reading.problem);
      return null;
    }
    const { snapshot, savedAt } = reading.cached;
    const ageMs = Math.max(0, wallNow() - savedAt);
    return { snapshot, source: 'cache', ageMs, complete: isComplete(snapshot) };
  }

  async function write(snapshot: Snapshot<WireObject>): Promise<void> {
    try {
      const text = encodeCacheFile(owner, { snapshot, savedAt: wallNow() });
      if (Buffer.byteLength(text) > bytesMax) return warn(`it would be larger than ${bytesMax} bytes`);
      makeFolder(directory, 0o700);
      await replaceFile(path, text);
    } catch (error) {
      warn(problemOf(error));
    }
  }

  function flush(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    const snapshot = unwritten;
    unwritten = undefined;
    // One write after the other: a slow disk must not let an older snapshot come last.
    if (snapshot !== undefined) writing = writing.then(() => write(snapshot));
    return writing;
  }

  function save(snapshot: Snapshot<WireObject>): void {
    unwritten = snapshot;
    cancelTimer ??= options.clock.after(options.delayMs, () => void flush());
  }

  return { load, save, flush };
}

/** What an older SDK did not understand it could not keep: a newer one may, and must ask for it. */
function isComplete({ objects }: Snapshot<WireObject>): boolean {
  return ![...objects.values()].some((object) => 'opaque' in object);
}

/** Not a secret place: the seal of a cache file keeps out what others put there. */
function defaultDirectory(): string {
  return join(tmpdir(), `dimmer-${userName()}`);
}

function userName(): string {
  try {
    return String(userInfo().uid);
  } catch {
    return 'unknown';
  }
}

/** Writes beside the file and moves it over: a reader finds the old or the new one, never half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

function clearAbandoned(directory: string, name: string, now: number): void {
  try {
    for (const entry of readdirSync(directory)) {
      const path = join(directory, entry);
      const temporary = entry.startsWith(`${name}.`) && entry.endsWith('.tmp');
      if (temporary && now - statSync(path).mtimeMs > ABANDONED_AFTER_MS) unlinkSync(path);
    }
  } catch {
    // The directory does not exist yet, or another process was faster.
  }
}
