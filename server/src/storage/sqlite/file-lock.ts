import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { makeFolder } from '../../platform/make-folder.ts';
import { StorageFault } from '../storage.ts';
import { readHolder } from './database.ts';
import type { ProcessLock } from './process-lock.ts';
import { acquireProcessLock } from './process-lock.ts';

/**
 * Takes the lock of a database file.
 *
 * @param path - With links resolved, as {@link realPathOf} does.
 * @throws StorageFault `unavailable`, with the name of the process that has it.
 */
export function lockOf(path: string): ProcessLock {
  const lock = acquireProcessLock(path);
  if (lock !== undefined) return lock;
  throw new StorageFault(
    'unavailable',
    `The database ${path} is in use by ${nameOfHolder(path)}. A SQLite file serves one process at a time: stop ` +
      'that process, or give this one another file with DIMMER_DATABASE_URL.',
  );
}

/** Only for the message, so it must not fail: the holder may be about to write its name for the first time. */
function nameOfHolder(path: string): string {
  try {
    const holder = readHolder(path);
    return holder === undefined ? 'another process' : `process ${holder.pid} on host ${holder.host}`;
  } catch {
    return 'another process';
  }
}

/** The one name of a file that is reached through links. Its folder is made where it is missing. */
export function realPathOf(path: string): string {
  const absolute = resolve(path);
  makeFolder(dirname(absolute));
  try {
    return realpathSync(absolute);
  } catch {
    return join(realpathSync(dirname(absolute)), basename(absolute));
  }
}
