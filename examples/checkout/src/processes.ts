import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A program that this one started, and the line that said that it is up. */
export interface Program {
  readonly process: ChildProcess;
  readonly url: string;
}

/**
 * Starts a Node program and waits for the line in which it names its address.
 *
 * @param script - Path of the script.
 * @param args - Its arguments.
 * @param env - Variables added to this process's own.
 * @throws When the program ends before it has named an address.
 */
export async function startProgram(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const origin = /http:\/\/[\w.]+:\d+/.exec(line)?.[0];
    if (origin === undefined) continue;
    child.stdout.resume();
    return { process: child, url: origin };
  }
  throw new Error(`${script} ended before it listened (exit code ${child.exitCode})`);
}

/** Ends a program that {@link startProgram} started. */
export async function stopProgram(program: Program): Promise<void> {
  if (program.process.exitCode !== null) return;
  program.process.kill('SIGTERM');
  await once(program.process, 'exit');
}
