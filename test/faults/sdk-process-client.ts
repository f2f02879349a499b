import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DimmerStatus } from '@dimmer/node';
import type { SdkClient, SdkClientOptions } from './sdk-client.ts';

const RUN_PROGRAM = fileURLToPath(new URL('../contract/run-program.mjs', import.meta.url));
const SDK_PROCESS = fileURLToPath(new URL('sdk-process.ts', import.meta.url));

/** What `sdk-process.ts` is started with, as JSON. */
export interface SdkProcessArguments {
  readonly name: string;
  readonly url: string;
  readonly serverKey: string;
  readonly historyPath: string;
  readonly seed: number;
}

/** Without a revision: close. */
export interface SdkAsk {
  readonly id: number;
  readonly waitFor?: { readonly revision: number; readonly timeoutMs: number };
}

export interface SdkAnswer {
  readonly id: number;
  readonly reached: boolean;
  readonly status: DimmerStatus;
}

/** An SDK in a process of its own. */
export interface SdkProcess extends SdkClient {
  /** SIGSTOP or SIGCONT. */
  signal(signal: NodeJS.Signals): void;
}

/** @param environment - Variables beside those of this process. */
export function startSdkProcess(
  { name, url, serverKey, history, random }: SdkClientOptions,
  environment: Readonly<Record<string, string>> = {},
): SdkProcess {
  const seed = random.between(0, 2 ** 32 - 1);
  const asked: SdkProcessArguments = { name, url, serverKey, historyPath: history.path, seed };
  const child = spawn(process.execPath, [RUN_PROGRAM, SDK_PROCESS, JSON.stringify(asked)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (answer: SdkAnswer | undefined) => void>();
  let asks = 0;
  let status: DimmerStatus | undefined;

  child.on('message', (message) => {
    const answer = message as SdkAnswer;
    status = answer.status;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  child.on('exit', () => {
    for (const resolve of waiting.values()) resolve(undefined);
  });

  function ask(what: Omit<SdkAsk, 'id'>): Promise<SdkAnswer | undefined> {
    if (!child.connected) return Promise.resolve(undefined);
    asks += 1;
    const id = asks;
    const answered = new Promise<SdkAnswer | undefined>((resolve) => waiting.set(id, resolve));
    child.send({ id, ...what } satisfies SdkAsk);
    return answered;
  }

  return {
    name,
    status() {
      if (status === undefined) throw new Error(`${name} has not answered yet`);
      return status;
    },
    waitFor: async (revision, timeoutMs) =>
      (await ask({ waitFor: { revision, timeoutMs } }))?.reached ?? false,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGCONT');
      await ask({});
      await exited;
    },
    signal: (signal) => void child.kill(signal),
  };
}
