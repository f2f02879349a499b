import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../faults/server-process.ts';

/** PgBouncer, by a name on the PATH. */
const PROGRAM = 'pgbouncer';
const ANSWERS_WITHIN_MS = 30_000;

/** A PgBouncer that gives connections away between transactions. */
export interface Pooler {
  /** The database through it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Why there is no PgBouncer; `undefined` where there is one. The pipeline must have it. */
export const poolerMissing: string | undefined = whyMissing();

/** @param target - The URL of the database. */
export async function startPooler(target: string): Promise<Pooler> {
  const { hostname, port, username, pathname } = new URL(target);
  const folder = await mkdtemp(join(tmpdir(), 'dimmer-pooler-'));
  const own = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
* = host=${hostname} port=${port || 5432} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
`,
  );
  const owner = ownerOf();
  await chmod(folder, 0o755);
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const process = spawn(PROGRAM, ['-q', file], { ...owner, stdio: 'ignore' });
  const url = `postgres://${username}@127.0.0.1:${own}${pathname}`;
  await untilAnswers(url, process);
  return {
    url,
    close: async () => {
      const ended = once(process, 'exit');
      process.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function untilAnswers(url: string, process: ChildProcess): Promise<void> {
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  while (Date.now() < deadline && process.exitCode === null) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    const isThere = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end();
    if (isThere) return;
    await pause(50);
  }
  throw new Error(`PgBouncer did not answer, exit code ${process.exitCode}`);
}

/** It refuses to run as root. */
function ownerOf(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'nobody'])));
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function whyMissing(): string | undefined {
  try {
    execFileSync(PROGRAM, ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (cause) {
    if (process.env['CI'] !== undefined) throw new Error('The pipeline needs pgbouncer.', { cause });
    return 'pgbouncer is not on the PATH';
  }
}
