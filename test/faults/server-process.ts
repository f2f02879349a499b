import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Failpoints } from './failpoints.ts';

/** The shipped command. */
export const COMMAND = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));
const RUN_PROGRAM = fileURLToPath(new URL('../contract/run-program.mjs', import.meta.url));
const FAILPOINT_SERVER = fileURLToPath(new URL('failpoint-server.ts', import.meta.url));
/** Long enough for a machine that does much else. */
const READY_WITHIN_MS = 100_000;

/** A real `dimmer serve` on a fixed port and database, which can be killed and started again. */
export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly adminKey: string;
  readonly serverKey: string;
  /** Of the process that runs, or ran last. */
  pid(): number;
  /**
   * Starts the process and waits until it is ready.
   *
   * @param command - `bin/dimmer.js` of another build. Default: of this one.
   */
  start(command?: string): Promise<void>;
  /** Sends a signal and waits for the end; answers with exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Sends a signal that does not end the process: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Waits for an end that it comes to by itself; answers with exit code or signal. */
  ended(): Promise<number | NodeJS.Signals | null>;
  /**
   * Replaces the failpoints, of the running process and of those that are started later.
   *
   * @throws TypeError where it was made without any: the shipped program has none.
   */
  arm(failpoints: Failpoints): Promise<void>;
  /** What the process has written to stderr and stdout since it was made. */
  output(): string;
}

/**
 * @param database - The path of a SQLite file, or `postgres://...`; it is kept over restarts.
 * @param environment - Variables beside those of every test; `DIMMER_PORT` where it must be a certain one.
 * @param failpoints - Given, even empty: the program of `failpoint-server.ts` runs instead of the shipped one.
 */
export async function createServerProcess(
  database: string,
  environment: Readonly<Record<string, string>> = {},
  failpoints?: Failpoints,
): Promise<ServerProcess> {
  const port = Number(environment['DIMMER_PORT'] ?? (await freePort()));
  const adminKey = `dim_adm_${'Admin0'.repeat(6)}`;
  const serverKey = `dim_srv_${'Server'.repeat(6)}`;
  const url = `http://127.0.0.1:${port}`;
  let armed = failpoints;
  let child: ChildProcess | undefined;
  let output = '';

  return {
    url,
    port,
    adminKey,
    serverKey,
    pid: () => child?.pid ?? 0,
    async start(command = COMMAND) {
      child = spawn(process.execPath, programOf(command, database, armed), {
        env: {
          ...process.env,
          DIMMER_PORT: String(port),
          DIMMER_DATABASE_URL: database.startsWith('postgres:') ? database : `file:${database}`,
          DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
          DIMMER_BOOTSTRAP_SERVER_KEY: serverKey,
          DIMMER_LOG_LEVEL: 'warn',
          DIMMER_DRAIN_ACCEPT_MS: '0',
          DIMMER_DRAIN_SPREAD_MS: '0',
          ...environment,
        },
        stdio: ['ignore', 'pipe', 'pipe', ...(armed === undefined ? [] : ['ipc' as const])],
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      }
      await untilReady(url, child, () => output);
    },
    async end(signal) {
      if (child === undefined || !isRunning(child)) return null;
      const ended = endOf(child);
      child.kill(signal);
      return ended;
    },
    async ended() {
      if (child === undefined) return null;
      return isRunning(child) ? endOf(child) : (child.exitCode ?? child.signalCode);
    },
    async arm(next) {
      if (armed === undefined) throw new TypeError('this server was made without failpoints');
      armed = next;
      if (child === undefined || !isRunning(child)) return;
      const heard = once(child, 'message');
      child.send(next);
      await heard;
    },
    signal(signal) {
      child?.kill(signal);
    },
    output: () => output,
  };
}

function programOf(
  command: string,
  databasePath: string,
  failpoints: Failpoints | undefined,
): readonly string[] {
  if (failpoints === undefined) return [command, 'serve'];
  return [RUN_PROGRAM, FAILPOINT_SERVER, databasePath, JSON.stringify(failpoints)];
}

export function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Waits until it has ended and all that it wrote was read; answers with exit code or signal. */
export async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? killedBy;
}

export async function untilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const ended = endOf(child);
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (!isRunning(child)) throw new Error(`the server ended with ${await ended}:\n${output()}`);
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    await ready?.body?.cancel();
    if (ready?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the server was not ready within ${READY_WITHIN_MS} ms:\n${output()}`);
}

/** Below the ports that systems give to outgoing connections: one of those may be taken again at any moment. */
const PORTS = [12_000, 31_000] as const;

/** A TCP port of 127.0.0.1 that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
