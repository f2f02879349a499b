import type { Clock } from '../platform/clock.ts';
import type { Pause } from '../platform/pause.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { CommandFailure } from './command-failure.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import type { OperatorSettings, PlaceOptions } from './operator-settings.ts';
import { parseOperatorSettings } from './operator-settings.ts';
import type { RestClient } from './rest-client.ts';
import { createRestClient } from './rest-client.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** The options that every command takes. */
export interface RunOptions extends PlaceOptions {
  readonly json?: boolean;
  /** For how long to try again, in milliseconds. */
  readonly retry?: number;
}

/** The world that a command runs in. */
export interface CommandWorld {
  /** The environment of the process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly schedule: Schedule;
  /** Aborts when the person presses Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/**
 * Runs one command from settings to exit code. Failures become lines on stderr; it never throws.
 *
 * @example process.exitCode = await runCommand(world, { json: true }, (session) => status(session, 'checkout-v2'));
 */
export async function runCommand(
  world: CommandWorld,
  { json = false, retry, ...place }: RunOptions,
  act: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { variables, ...ports } = world;
  const { terminal } = ports;
  const parsed = parseOperatorSettings(place, variables);
  if ('faults' in parsed) {
    for (const fault of parsed.faults) terminal.note(fault);
    return EXIT.usage;
  }
  const { settings } = parsed;
  const clientOf = (where: OperatorSettings): RestClient =>
    createRestClient(where, { ...ports, onRetry: (line) => terminal.note(line) }, retry);
  try {
    return await act({ ...ports, settings, api: clientOf(settings), clientOf, isJson: json });
  } catch (cause) {
    if (cause instanceof CommandFailure) {
      terminal.note(cause.message);
      return cause.exitCode;
    }
    terminal.note(`The answer of ${settings.url.href} could not be understood: ${String(cause)}`);
    terminal.note('Check that DIMMER_URL leads to a Dimmer server, of a version near to this command.');
    return EXIT.failed;
  }
}
