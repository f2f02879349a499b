import { formatCursor } from '@dimmer/schema';
import { fractionOf } from '../platform/random.ts';
import { formatDuration } from './duration.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import type { LiveEnd, ReceivedEvent } from './live-stream.ts';
import { followLive } from './live-stream.ts';
import { environmentPath, failureOf } from './rest-client.ts';
import type { Session } from './session.ts';
import { liveLine, noteOf } from './watch-lines.ts';

/** The delay before the next attempt: the first part for all, the rest random and doubling, in milliseconds. */
const DELAY_MIN_MS = 250;
const DELAY_BASE_MS = 1_000;
const DELAY_MAX_MS = 30_000;

/** What `dimmer watch` was asked. */
export interface WatchInput {
  /** Tell what changed after this revision first; left out: only what happens from now on. */
  readonly since?: number | undefined;
  /** How long the first connection may take, in milliseconds. */
  readonly firstWithinMs: number;
}

/**
 * Shows changes and receipts as they happen, until Ctrl-C. A stream that was open once is opened again for ever,
 * and goes on where it was.
 *
 * @throws CommandFailure where the first connection cannot be made in time, or the server refuses.
 */
export async function watch(session: Session, { since, firstWithinMs }: WatchInput): Promise<ExitCode> {
  const { settings, terminal, clock, interrupted } = session;
  const giveUpAt = clock.now() + firstWithinMs;
  let lastId: string | undefined;
  let wasOpen = false;
  let failures = 0;
  const onEvent = (received: ReceivedEvent): void => {
    const note = noteOf(received, { since, lastId });
    if (note !== undefined) terminal.note(note);
    lastId = idAfter(received) ?? lastId;
    if (received.event === 'hello') [wasOpen, failures] = [true, 0];
    show(session, received);
  };
  while (!interrupted.aborted) {
    const url = new URL(livePath(environmentPath(settings), since), settings.url);
    const end = await followLive(session, { url, key: settings.key, lastId }, onEvent);
    if (interrupted.aborted || end.kind === 'interrupted') break;
    const mayRetry = end.kind === 'goodbye' || (end.isRetryable && (wasOpen || clock.now() < giveUpAt));
    if (!mayRetry) throw failureOf({ attempt: end, mayHaveArrived: false }, settings);
    await rest(session, end, failures);
    failures += 1;
  }
  return EXIT.done;
}

/** @param environment - The path of the environment. */
function livePath(environment: string, since: number | undefined): string {
  return `${environment}/live${since === undefined ? '' : `?since=${since}`}`;
}

async function rest(
  { terminal, random, pause, interrupted }: Session,
  end: LiveEnd,
  failures: number,
): Promise<void> {
  const bound = Math.min(DELAY_BASE_MS * 2 ** failures, DELAY_MAX_MS);
  const randomMs = DELAY_MIN_MS + fractionOf(random) * bound;
  const delayMs =
    end.kind === 'goodbye' ? end.afterMs : randomMs + (end.kind === 'refused' ? end.retryAfterMs : 0);
  terminal.note(`${causeOf(end)} Connecting again in ${formatDuration(delayMs)}.`);
  await pause(delayMs, interrupted);
}

function causeOf(end: LiveEnd): string {
  if (end.kind === 'goodbye') return 'The server sends its readers elsewhere.';
  if (end.kind === 'refused') return end.problem?.detail ?? `The server answered ${end.status}.`;
  return end.kind === 'lost' ? `The connection is lost: ${end.cause}.` : '';
}

/** Where to go on from; a stream that has told no change yet begins again where it began. */
function idAfter(received: ReceivedEvent): string | undefined {
  if (received.event !== 'hello') return received.id;
  const { epoch, since } = received.data;
  return formatCursor({ epoch, revision: since });
}

function show({ isJson, terminal }: Session, received: ReceivedEvent): void {
  if (isJson) {
    if (received.event !== 'heartbeat') terminal.out(JSON.stringify(received));
    return;
  }
  const line = liveLine(received, terminal.paint);
  if (line !== undefined) terminal.out(line);
}
