import { StorageFault } from '../storage.ts';

/**
 * Names what the world did wrong. Anything that is not the world's fault (a broken constraint, a defect of a
 * planner) comes back as it is.
 *
 * @param path - The database file, for the message.
 */
export function faultOf(error: unknown, path: string): unknown {
  if (error instanceof StorageFault) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  const describe = described.find(([pattern]) => pattern.test(code))?.[1];
  return describe === undefined ? error : describe(path, code, error);
}

/** What the file system refuses: somebody has to give a right, or name another place. */
const FORBIDDEN = /^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS)/;

const described: readonly (readonly [
  RegExp,
  (path: string, code: string, cause: unknown) => StorageFault,
])[] = [
  // SQLITE_IOERR_SHMSIZE: the index of the write-ahead log cannot grow.
  [/^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)$/, full],
  [/^(SQLITE_CORRUPT|SQLITE_NOTADB)/, damaged],
  [FORBIDDEN, forbidden],
  [/^(SQLITE_(BUSY|LOCKED|IOERR|PROTOCOL|NOMEM)|EIO|EMFILE|ENFILE)/, unavailable],
];

/** Whether opening may go well by itself after a while. What a person has to correct does not pass. */
export function isPassing(fault: unknown): boolean {
  if (!(fault instanceof StorageFault) || fault.fault !== 'unavailable') return false;
  const code = codeOf(fault.cause);
  return code !== undefined && !FORBIDDEN.test(code);
}

/**
 * A file that cannot be used as it is.
 *
 * @param detail - What was found to be wrong with it.
 */
export function damaged(path: string, detail: string, cause?: unknown): StorageFault {
  return new StorageFault(
    'damaged',
    `The database ${path} is damaged (${detail}) and is not used. Stop the server, move ${path}, ${path}-wal and ` +
      `${path}-shm aside together, put a backup in their place and start again; what can still be read of the ` +
      `damaged file can be saved with: sqlite3 ${path} .recover`,
    { cause },
  );
}

function full(path: string, code: string, cause: unknown): StorageFault {
  return new StorageFault(
    'full',
    `There is no space left to write the database ${path} (${code}). Nothing was written, reads go on. Free space ` +
      'on its file system; writes resume by themselves.',
    { cause },
  );
}

function forbidden(path: string, code: string, cause: unknown): StorageFault {
  const user = process.getuid?.();
  return new StorageFault(
    'unavailable',
    `The database ${path} cannot be opened and written (${code}). It must be a file that the user of this process${
      user === undefined ? '' : ` (uid ${user})`
    } may read and write, in a folder where that user may make files, on a file system that takes writes. Give it these ` +
      'rights, or name another file in DIMMER_DATABASE_URL.',
    { cause },
  );
}

function unavailable(path: string, code: string, cause: unknown): StorageFault {
  return new StorageFault(
    'unavailable',
    `The database ${path} cannot be used right now (${code}). Check that its file system is there and healthy, ` +
      'and that no other program holds the file locked.',
    { cause },
  );
}

/** Libraries wrap the errors of the driver, so the whole chain of causes is looked at. */
function codeOf(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ('code' in current && typeof current.code === 'string') return current.code;
  }
  return undefined;
}
