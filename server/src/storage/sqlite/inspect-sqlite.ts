import { accessSync, constants, existsSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import type { DatabaseFacts, SqliteFacts } from '../database-facts.ts';
import { knownSteps } from '../known-steps.ts';

/** How long a statement waits for the server that uses the file. */
const BUSY_TIMEOUT_MS = 5_000;

/** Of Linux' `statfs`: NFS, SMB, CIFS, SMB2, Ceph; tmpfs, ramfs. */
const NETWORK_TYPES: ReadonlySet<number> = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400]);
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/**
 * Looks at a database file without changing it, also while a server uses it: it takes no lock that a server needs. Another
 * user than the file's only looks while a server runs, because SQLite would leave files beside it that are its own.
 *
 * @param user - Who is looking; `undefined` where the system has no such numbers.
 */
export function inspectSqlite(path: string, user: number | undefined): DatabaseFacts {
  const absolute = resolve(path);
  if (!existsSync(absolute)) {
    const folder = nearestFolder(absolute);
    return {
      kind: 'absent',
      path: absolute,
      freeBytes: freeBytesAt(folder),
      unwritable: firstUnwritable([folder]),
    };
  }
  const file = realpathSync(absolute);
  const { uid: owner } = statSync(file);
  if (user !== undefined && user !== owner && !existsSync(`${file}-shm`)) {
    return { kind: 'foreign', path: file, owner, user };
  }
  try {
    return inspect(file);
  } catch (cause) {
    return {
      kind: 'unreachable',
      what: file,
      cause: cause instanceof Error ? `${cause.message}.` : 'it does not open.',
      remedy: undefined,
    };
  }
}

function inspect(path: string): SqliteFacts {
  const client = new SqliteConnection(path, {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  });
  try {
    const holder = holderIn(client);
    return {
      kind: 'sqlite',
      path,
      version: String(client.prepare('select sqlite_version()').pluck().get()),
      quickCheck: String(client.pragma('quick_check(1)', { simple: true })),
      journalMode: String(client.pragma('journal_mode', { simple: true })),
      bytes: statSync(path).size,
      freeBytes: freeBytesAt(dirname(path)),
      fileSystem: fileSystemAt(path),
      unwritable: firstUnwritable([path, dirname(path)]),
      steps: stepsIn(client),
      knownSteps: knownSteps('sqlite'),
      holder,
      holderRuns: holder?.isHere === true ? isRunning(holder.pid) : undefined,
    };
  } finally {
    client.close();
  }
}

function hasTable(client: SqliteConnection.Database, name: string): boolean {
  return (
    client.prepare('select 1 from sqlite_master where type = ? and name = ?').get('table', name) !== undefined
  );
}

/** The table is drizzle's. */
function stepsIn(client: SqliteConnection.Database): number | undefined {
  if (!hasTable(client, '__drizzle_migrations')) return undefined;
  return Number(client.prepare('select count(*) from __drizzle_migrations').pluck().get());
}

function holderIn(client: SqliteConnection.Database): SqliteFacts['holder'] {
  if (!hasTable(client, 'holder')) return undefined;
  const row = client.prepare<[], { pid: number; host: string }>('select pid, host from holder').get();
  return row && { pid: row.pid, host: row.host, isHere: row.host === hostname() };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // It runs, and belongs to somebody else.
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function nearestFolder(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) || folder === path ? folder : nearestFolder(folder);
}

/** SQLite writes its log beside the file, so the folder counts too. */
function firstUnwritable(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      accessSync(path, constants.W_OK | (statSync(path).isDirectory() ? constants.X_OK : constants.R_OK));
      return false;
    } catch {
      return true;
    }
  });
}

function freeBytesAt(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function fileSystemAt(path: string): SqliteFacts['fileSystem'] {
  if (process.platform !== 'linux') return 'local';
  const { type } = statfsSync(path);
  if (NETWORK_TYPES.has(type >>> 0)) return 'network';
  return MEMORY_TYPES.has(type >>> 0) ? 'memory' : 'local';
}
