import { CommandFailure } from '../operator/command-failure.ts';
import type { ExitCode } from '../operator/exit-code.ts';
import { EXIT } from '../operator/exit-code.ts';
import { tableLines } from '../operator/table.ts';
import type { Terminal } from '../operator/terminal.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { StorageFault } from '../storage/storage.ts';
import { FillRefused } from './fill-store.ts';
import type { ImageCheck } from './image-check.ts';

/** What the commands that work on a store itself need of the world. */
export interface Maintenance {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  /** Of the program. */
  readonly version: string;
}

/** Runs such a command to its exit code. Failures become lines on stderr. */
export async function runMaintenance(
  { terminal }: Maintenance,
  act: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await act();
  } catch (cause) {
    const { exitCode, message } = failureOf(cause);
    terminal.note(message);
    return exitCode;
  }
}

/** Where each environment stands, for people. */
export function environmentLines(check: ImageCheck): string[] {
  const columns = [
    { title: 'ENVIRONMENT', whole: true },
    { title: 'REVISION', align: 'right' },
    { title: 'DIGEST', align: 'right' },
    { title: 'EPOCH', whole: true },
  ] as const;
  const rows = check
    .environments()
    .map(({ project, environment, revision, digest, epoch }) => [
      `${project}/${environment}`,
      String(revision),
      String(digest),
      epoch,
    ]);
  return tableLines(columns, rows);
}

function failureOf(cause: unknown): CommandFailure {
  if (cause instanceof CommandFailure) return cause;
  if (cause instanceof StorageFault) return new CommandFailure(EXIT.failed, [cause.message]);
  if (cause instanceof FillRefused) {
    return new CommandFailure(EXIT.failed, [
      'What was read contradicts itself, and was not written:',
      ...cause.faults.map((fault) => `  ${fault}`),
      'Use another backup, or move the flags alone: dimmer export and dimmer import.',
    ]);
  }
  if (!(cause instanceof Error) || !('code' in cause)) throw cause;
  return new CommandFailure(EXIT.failed, [
    `The system refused: ${cause.message}.`,
    'Check the path, its rights, and the space on its disk, and run the command again.',
  ]);
}
