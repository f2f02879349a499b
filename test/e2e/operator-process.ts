import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));

/** A run of the `dimmer` command in a process of its own. */
export interface OperatorProcess {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  /** The exit code; `null` where a signal ended it. */
  readonly exit: Promise<number | null>;
}

/**
 * Starts the command as a person or script does: nothing is inherited but what is given.
 *
 * @param variables - `DIMMER_*` for this run.
 */
export function startOperator(
  commandArguments: readonly string[],
  variables: Readonly<Record<string, string>>,
): OperatorProcess {
  const child = spawn(process.execPath, [COMMAND, ...commandArguments], {
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => out.push(chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => err.push(chunk));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, out: () => out.join(''), err: () => err.join(''), exit };
}
