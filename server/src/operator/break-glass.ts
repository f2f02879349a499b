import type {
  CommitView,
  HeldReceiptView,
  KillManyInput,
  LiftedView,
  ReceiptView,
} from '@dimmer/schema/rest';
import { CommandFailure } from './command-failure.ts';
import { countOf } from './count.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { KILL_WORDS } from './kill.ts';
import { receiptSummary } from './receipt-lines.ts';
import type { RestClient } from './rest-client.ts';
import { environmentPath } from './rest-client.ts';
import { RESTORE_WORDS } from './restore.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';

/** How long a server is asked to wait for its SDKs at most, in milliseconds: an attempt is given up after twice that. */
const GLASS_WAIT_MS_MAX = 5_000;

/** What became of it at one server, as `--json` prints it. */
export type ServerOutcome<T> =
  | { readonly url: string; readonly outcome: 'taken'; readonly answer: T }
  | { readonly url: string; readonly outcome: 'failed'; readonly problem: string };

/**
 * Kills flags at every server that is named: each commits it, or holds it where its database is away. Servers are asked
 * at the same time, and each is told of as soon as it has answered.
 *
 * @param urls - The servers; the one of the settings where there are none.
 * @param waitMs - How long each waits for its SDKs to apply it, in milliseconds; left out: not at all.
 */
export function breakGlassKill(
  session: Session,
  urls: readonly URL[],
  input: Omit<KillManyInput, 'breakGlass'>,
  waitMs?: number,
): Promise<ExitCode> {
  const body: KillManyInput = { ...input, breakGlass: true };
  const wait = waitMs === undefined ? '' : `?wait=${Math.min(waitMs, GLASS_WAIT_MS_MAX)}`;
  return atEveryServer<KillAnswer>(session, urls, {
    send: (api) => api.post(`${environmentPath(session.settings)}/kill${wait}`, body, KILL_WORDS),
    linesOf: (made) => [
      'held' in made ? heldLine(made) : committedLine(made, placeOf(session.settings)),
      ...(made.receipt === undefined ? [] : [receiptSummary(made.receipt)]),
    ],
    exitCodeOf: ({ receipt }) => (receipt?.complete === false ? EXIT.incomplete : EXIT.done),
    lastLines: (made) => heldLines(made.flatMap((one) => ('held' in one ? [one] : []))),
  });
}

/** Lifts, at every server that is named, the kill of a flag that it holds. */
export function breakGlassRestore(session: Session, urls: readonly URL[], flag: string): Promise<ExitCode> {
  const path = `${environmentPath(session.settings)}/flags/${encodeURIComponent(flag)}/restore`;
  return atEveryServer<LiftedView>(session, urls, {
    send: (api) => api.post(path, { breakGlass: true }, RESTORE_WORDS),
    linesOf: ({ lifted, server, streams }) => [
      lifted ? `lifted by ${server} for ${countOf(streams, 'stream')}` : `${server} held no such kill`,
    ],
    exitCodeOf: () => EXIT.done,
    lastLines: (made) =>
      made.every(({ lifted }) => lifted) ? [] : [`Where the database has it: dimmer restore ${flag}`],
  });
}

type KillAnswer = (CommitView & { readonly receipt?: ReceiptView }) | HeldReceiptView;

interface AtServers<T> {
  readonly send: (api: RestClient) => Promise<T>;
  readonly linesOf: (answer: T) => readonly string[];
  /** Where it was taken. */
  readonly exitCodeOf: (answer: T) => ExitCode;
  readonly lastLines: (answers: readonly T[]) => readonly string[];
}

async function atEveryServer<T>(
  session: Session,
  urls: readonly URL[],
  { send, linesOf, exitCodeOf, lastLines }: AtServers<T>,
): Promise<ExitCode> {
  const { settings, terminal, isJson, clientOf } = session;
  const servers = urls.length > 0 ? urls : [settings.url];
  const say = (url: URL, ...texts: readonly string[]): void => {
    if (!isJson) for (const line of [url.href, ...texts.map((text) => `  ${text}`)]) terminal.out(line);
  };
  let exitCode: ExitCode = EXIT.done;
  const outcomes = await Promise.all(
    servers.map(async (url): Promise<ServerOutcome<T>> => {
      try {
        const made = await send(clientOf({ ...settings, url }));
        say(url, ...linesOf(made));
        return { url: url.href, outcome: 'taken', answer: made };
      } catch (cause) {
        if (!(cause instanceof CommandFailure)) throw cause;
        exitCode = cause.exitCode;
        say(url, terminal.paint('bad', 'FAILED'));
        terminal.note(`${url.href}\n${indented(cause.message)}`);
        return { url: url.href, outcome: 'failed', problem: cause.message };
      }
    }),
  );
  const taken = outcomes.flatMap((one) => (one.outcome === 'taken' ? [one.answer] : []));
  answer(session, { servers: outcomes }, () => lastLines(taken));
  if (exitCode !== EXIT.done) terminal.note(`${taken.length} of ${servers.length} servers took it.`);
  // That a server failed is worse news than that somebody is left.
  return exitCode === EXIT.done
    ? (taken.map(exitCodeOf).find((code) => code !== EXIT.done) ?? EXIT.done)
    : exitCode;
}

function heldLine({ flags, server, streams, kept }: HeldReceiptView): string {
  const what = flags.length === 1 ? '' : `${flags.length} flags, `;
  const until = kept ? 'not in the database yet' : 'not in the database yet, and in its memory alone';
  return `${what}held by ${server} for ${countOf(streams, 'stream')}, ${until}`;
}

function committedLine({ revision }: CommitView, place: string): string {
  return `committed: revision ${revision} of ${place}`;
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

function heldLines(held: readonly HeldReceiptView[]): readonly string[] {
  if (held.length === 0) return [];
  const isKept = held.every(({ kept }) => kept);
  return [
    isKept
      ? 'What is held is committed as soon as the database is back, also after a restart.'
      : 'What is held is committed as soon as the database is back, and lost if a server ends before that has it in memory alone.',
    'SDKs of servers that are not named here still serve the flag: name every server with --url.',
  ];
}
