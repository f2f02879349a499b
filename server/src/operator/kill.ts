import type { CommitView, KillManyInput, ReceiptView } from '@dimmer/schema/rest';
import { CommandFailure } from './command-failure.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { localTime } from './local-time.ts';
import { receiptLines } from './receipt-lines.ts';
import { awaitReceipt } from './receipt-wait.ts';
import type { WriteWords } from './rest-client.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';
import { wordLines } from './table.ts';

/** What `dimmer kill` was asked. */
export interface KillInput {
  readonly flags: readonly string[];
  readonly tag?: string | undefined;
  readonly reason: string;
  /** ISO 8601; left out: until it is restored. */
  readonly expiresAt?: string | undefined;
  /** How long to wait for the receipt, in milliseconds; left out: not at all. */
  readonly waitMs?: number | undefined;
}

/** What is said of a kill that got no answer. */
export const KILL_WORDS: WriteWords = {
  what: 'the kill',
  next: ['Run the same command again: a kill may be sent any number of times.'],
};

/**
 * Kills flags in one revision, and waits for the receipt where that was asked. Whatever becomes of the wait, the
 * kill is committed by then, and that is said first.
 */
export async function kill(session: Session, input: KillInput): Promise<ExitCode> {
  const { api, settings, terminal, isJson } = session;
  const path = `${environmentPath(settings)}/kill`;
  const made = await api.post<CommitView>(path, killRequest(input), KILL_WORDS);
  const said = killedLines(made, input, placeOf(settings));
  if (!isJson) for (const line of said) terminal.out(line);
  if (input.waitMs === undefined) {
    if (isJson) answer(session, made, () => []);
    else terminal.out(`Who has applied it: dimmer receipt ${made.revision} --wait`);
    return EXIT.done;
  }
  return proveKill(session, made, input.waitMs);
}

/** The body of the request: always the route of many flags, so that one flag and ten are told alike. */
export function killRequest({ flags, tag, reason, expiresAt }: Omit<KillInput, 'waitMs'>): KillManyInput {
  return {
    ...(flags.length > 0 && { flags: [...flags] }),
    ...(tag !== undefined && { tag }),
    reason,
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/**
 * What was done, plainly.
 *
 * @param place - `default/production`.
 */
function killedLines({ revision, changed, objects }: CommitView, input: KillInput, place: string): string[] {
  if (!changed) {
    const asked = [...input.flags, ...(input.tag === undefined ? [] : [`everything tagged ${input.tag}`])];
    return [`Killed already in ${place}; the environment is at revision ${revision}:`, ...wordLines(asked)];
  }
  const until = input.expiresAt === undefined ? 'until restored' : `until ${localTime(input.expiresAt)}`;
  const flags = objects.filter(({ kind }) => kind === 'flag').map(({ key }) => key);
  const what = flags.length === 1 ? flags[0] : `${flags.length} flags`;
  const names = flags.length === 1 ? [] : wordLines(flags);
  return [`Killed ${what} in ${place}: revision ${revision}, ${until}.`, ...names];
}

async function proveKill(session: Session, made: CommitView, waitMs: number): Promise<ExitCode> {
  const { terminal, interrupted } = session;
  const receipt = await awaitReceipt(session, made.revision, waitMs).catch((cause: unknown) => {
    if (!(cause instanceof CommandFailure)) throw cause;
    if (!interrupted.aborted) terminal.note(cause.message);
    return undefined;
  });
  if (interrupted.aborted) terminal.note(`Interrupted. The kill is committed: revision ${made.revision}.`);
  answer(session, receipt === undefined ? made : { ...made, receipt }, () =>
    receipt === undefined ? [] : receiptLines(receipt, terminal.paint),
  );
  if (receipt?.complete === true) return EXIT.done;
  terminal.note(unprovenLine(made.revision, receipt));
  return EXIT.incomplete;
}

function unprovenLine(revision: number, receipt: ReceiptView | undefined): string {
  const state =
    receipt === undefined ? 'who has applied it is not known' : 'not everybody has applied it yet';
  return `The kill is committed; ${state}. Next: dimmer receipt ${revision} --wait 60s`;
}
