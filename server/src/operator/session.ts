import type { Clock } from '../platform/clock.ts';
import type { Pause } from '../platform/pause.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { OperatorSettings } from './operator-settings.ts';
import type { RestClient } from './rest-client.ts';
import type { Terminal } from './terminal.ts';

/** What every command works with: one run of `dimmer`. */
export interface Session {
  readonly settings: OperatorSettings;
  readonly api: RestClient;
  /** A client like {@link Session.api}, for another server. */
  readonly clientOf: (settings: OperatorSettings) => RestClient;
  readonly terminal: Terminal;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly schedule: Schedule;
  /** Aborts when the person presses Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Whether the API's JSON is wanted in place of text. */
  readonly isJson: boolean;
}

/** Writes the answer: the API's JSON for scripts, lines for people. */
export function answer({ isJson, terminal }: Session, json: unknown, lines: () => readonly string[]): void {
  for (const line of isJson ? [JSON.stringify(json, undefined, 2)] : lines()) terminal.out(line);
}

/** Where something happened or will: `default/production`. */
export function placeOf({ project, environment }: OperatorSettings): string {
  return `${project}/${environment}`;
}
