import { type ChildProcess, spawn } from 'node:child_process';
import { COMMAND, endOf, freePort, isRunning, untilReady } from './server-process.ts';

/** A real `dimmer relay` on a fixed port and cache, which can be killed and started again. */
export interface RelayProcess {
  readonly url: string;
  readonly port: number;
  /** Starts the process and waits until it is ready. */
  start(): Promise<void>;
  /** Sends a signal and waits for the end; answers with exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** What the process has written to stderr and stdout since it was made. */
  output(): string;
}

export interface RelayProcessOptions {
  readonly upstream: string;
  readonly key: string;
  /** The folder of its cache. */
  readonly cache: string;
  readonly name: string;
  /** Variables beside those of every test. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function createRelayProcess(options: RelayProcessOptions): Promise<RelayProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let output = '';
  return {
    url,
    port,
    async start() {
      const { upstream, key, cache, name } = options;
      const flags = ['--upstream', upstream, '--key', key, '--cache', cache, '--name', name];
      child = spawn(process.execPath, [COMMAND, 'relay', ...flags, '--port', String(port)], {
        env: {
          ...process.env,
          DIMMER_LOG_LEVEL: 'warn',
          DIMMER_DRAIN_ACCEPT_MS: '0',
          DIMMER_DRAIN_SPREAD_MS: '0',
          ...options.environment,
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
      if (child === undefined || !isRunning(child)) return null;
      const ended = endOf(child);
      child.kill(signal);
      return ended;
    },
    output: () => output,
  };
}
