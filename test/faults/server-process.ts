import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));
const READY_WITHIN_MS = 20_000;

/** A real `dimmer serve` on a fixed port and file, which can be killed and started again. */
export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly adminKey: string;
  readonly serverKey: string;
  /** Of the process that runs, or ran last. */
  pid(): number;
  /** Starts the process and waits until it is ready. */
  start(): Promise<void>;
  /** Sends a signal and waits for the end; answers with exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Sends a signal that does not end the process: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** What the process has written to stderr and stdout since it was made. */
  output(): string;
}

/**
 * @param databasePath - The SQLite file; it is kept over restarts.
 * @param settings - `DIMMER_*` beside those of every test.
 */
export async function createServerProcess(
  databasePath: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const port = await freePort();
  const adminKey = `dim_adm_${'Admin0'.repeat(6)}`;
  const serverKey = `dim_srv_${'Server'.repeat(6)}`;
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let output = '';

  return {
    url,
    port,
    adminKey,
    serverKey,
    pid: () => child?.pid ?? 0,
    async start() {
      child = spawn(process.execPath, [COMMAND, 'serve'], {
        env: {
          ...process.env,
          DIMMER_PORT: String(port),
          DIMMER_DATABASE_URL: `file:${databasePath}`,
          DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
          DIMMER_BOOTSTRAP_SERVER_KEY: serverKey,
          DIMMER_LOG_LEVEL: 'warn',
          DIMMER_DRAIN_ACCEPT_MS: '0',
          DIMMER_DRAIN_SPREAD_MS: '0',
          ...settings,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      }
      await untilReady(url, child, () => output);
    },
    async end(signal) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
      const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
      child.kill(signal);
      const [code, killedBy] = await exited;
      return code ?? killedBy;
    },
    signal(signal) {
      child?.kill(signal);
    },
    output: () => output,
  };
}

async function untilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output()}`);
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    await ready?.body?.cancel();
    if (ready?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the server was not ready within ${READY_WITHIN_MS} ms:\n${output()}`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
