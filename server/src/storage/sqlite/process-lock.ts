import SqliteConnection from 'better-sqlite3';

/** Held by the one process that may use a database file. */
export interface ProcessLock {
  release(): void;
}

/**
 * Takes the lock of a database file: an open write transaction on the empty database `<path>.lock`. The
 * operating system drops it with the process, however that ends, so there is never a stale lock to remove.
 *
 * The database itself stays open to readers (the sqlite3 command, a backup), which locking that file would
 * prevent. A RESERVED lock is enough, and of two processes that ask at the same moment exactly one gets it;
 * asking for EXCLUSIVE could refuse both.
 *
 * @param path - The database file, with links resolved: two names of one file must give one lock.
 * @returns `undefined` where another process, or another storage in this one, holds it.
 */
export function acquireProcessLock(path: string): ProcessLock | undefined {
  const connection = new SqliteConnection(`${path}.lock`, { timeout: 0 });
  try {
    connection.exec('BEGIN IMMEDIATE');
    return { release: () => void connection.close() };
  } catch (error) {
    connection.close();
    if (error instanceof SqliteConnection.SqliteError && error.code.startsWith('SQLITE_BUSY'))
      return undefined;
    throw error;
  }
}
