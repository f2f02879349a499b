import { copyFileSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';

/** Copies a database while a server writes to it, as a backup is made. */
export async function backUp(databasePath: string, backupPath: string): Promise<void> {
  const database = new Database(databasePath, { readonly: true });
  try {
    await database.backup(backupPath);
  } finally {
    database.close();
  }
}

/**
 * Puts a backup in the place of a database, as the guide to the delivery contract says. The server must not run.
 */
export function putBack(databasePath: string, backupPath: string): void {
  // What the log has of the newer database must not be read into the older one.
  for (const suffix of ['', '-wal', '-shm']) rmSync(databasePath + suffix, { force: true });
  copyFileSync(backupPath, databasePath);
  const database = new Database(databasePath);
  try {
    database.exec('update environments set epoch = lower(hex(randomblob(8)))');
  } finally {
    database.close();
  }
}
