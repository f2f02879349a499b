import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort, isRunning } from './server-process.ts';

const run = promisify(execFile);

/** Where Debian and its like put one folder per release. */
const RELEASES = '/usr/lib/postgresql';
const USER = 'dimmer';
/** Long enough for a machine that does much else. */
const ANSWERS_WITHIN_MS = 60_000;

/** A PostgreSQL of a test's own, on a port of its own, which can be ended and started again. */
export interface PostgresCluster {
  readonly port: number;
  /** `postgres://...` of a database, by default the one that is there from the beginning. */
  url(database?: string): string;
  /** Starts it and waits until it answers. */
  start(): Promise<void>;
  /** `immediate` ends it as a crash does: nothing is written any more, clients are cut off. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Whether its process runs: one that cannot recover ends itself. */
  isRunning(): boolean;
  /** A copy of it on a port of its own, which follows it from behind, without its commits waiting, once it is started. */
  standby(): Promise<PostgresCluster>;
  /** Ends it and deletes its folder. */
  remove(): Promise<void>;
}

/**
 * @returns `undefined` where the machine has no PostgreSQL programs.
 * @param settings - Lines of `postgresql.conf`, such as `max_connections = 10`.
 * @param folders - Where its data, and its write-ahead log in segments of 1 MB, are to lie. Default: in a folder of its own.
 */
export async function createPostgresCluster(
  settings: readonly string[] = [],
  folders: { readonly data?: string; readonly wal?: string } = {},
): Promise<PostgresCluster | undefined> {
  const programs = await newestRelease();
  if (programs === undefined) return undefined;
  const owner = await postgresOwner();
  const folder = await newFolder(owner);
  const data = join(folders.data ?? folder, 'data');
  const logWords = folders.wal === undefined ? [] : ['--waldir', join(folders.wal, 'wal'), '--wal-segsize=1'];
  const port = await freePort();
  await run(join(programs, 'initdb'), ['-D', data, '-U', USER, '-A', 'trust', '--no-sync', ...logWords], {
    ...owner,
  });
  return clusterIn({ programs, owner, folder, data, port, settings });
}

/** Where a cluster lies, and how it is run. */
interface Place {
  readonly programs: string;
  readonly owner: Owner | undefined;
  /** What is deleted with it. */
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly settings: readonly string[];
}

function clusterIn({ programs, owner, folder, data, port, settings }: Place): PostgresCluster {
  const lines = ["listen_addresses = '127.0.0.1'", `unix_socket_directories = '${folder}'`, ...settings];
  const options = lines.flatMap((line) => ['-c', line.replaceAll(' = ', '=').replaceAll("'", '')]);
  let server: ChildProcess | undefined;

  async function stop(mode: 'fast' | 'immediate'): Promise<void> {
    if (server === undefined || !isRunning(server)) return;
    const ended = once(server, 'exit');
    server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  return {
    port,
    stop,
    isRunning: () => server !== undefined && isRunning(server),
    url: (database = 'postgres') => `postgres://${USER}@127.0.0.1:${port}/${database}`,
    async start() {
      const started = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), ...options], {
        ...owner,
        stdio: 'ignore',
      });
      server = started;
      await untilAnswers(port, started);
    },
    async standby() {
      const copy = await newFolder(owner);
      const place = {
        programs,
        owner,
        folder: copy,
        data: join(copy, 'data'),
        port: await freePort(),
        settings,
      };
      const from = ['-h', '127.0.0.1', '-p', String(port), '-U', USER];
      // -R: it begins as a standby of where it was copied from.
      const words = ['-D', place.data, ...from, '-R', '--checkpoint=fast', '--no-sync'];
      await run(join(programs, 'pg_basebackup'), words, { ...owner });
      return clusterIn(place);
    },
    async remove() {
      await stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function newFolder(owner: Owner | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dimmer-postgres-'));
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  return folder;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function newestRelease(): Promise<string | undefined> {
  const releases = await readdir(RELEASES).catch(() => []);
  const newest = releases.map(Number).sort((one, other) => other - one)[0];
  return newest === undefined ? undefined : join(RELEASES, String(newest), 'bin');
}

/** PostgreSQL does not run as root; the user that its package made does. @returns `undefined`: it runs as whoever asks. */
export async function postgresOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  );
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** A first connection is refused while it starts, and while it recovers from a crash. */
async function untilAnswers(port: number, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`);
    if (await takesSessions(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`PostgreSQL did not answer within ${ANSWERS_WITHIN_MS} ms`);
}

async function takesSessions(port: number): Promise<boolean> {
  const client = new Client({ host: '127.0.0.1', port, user: USER, database: 'postgres' });
  // A server that goes away under an open session is told here, and ends a process that does not listen.
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}
