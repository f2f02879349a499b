import type { Clock } from '../platform/clock.ts';
import type { Pause } from '../platform/pause.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import { CommandFailure, problemLines } from './command-failure.ts';
import { formatDuration } from './duration.ts';
import { EXIT } from './exit-code.ts';
import type { OperatorSettings } from './operator-settings.ts';
import type { Attempt, FailedAttempt } from './request-attempt.ts';
import { attemptRequest, LARGE_TIMEOUT_MS } from './request-attempt.ts';

/** For how long a request is tried again while the server does not answer, in milliseconds. */
export const RETRY_WRITE_MS = 30_000;
export const RETRY_READ_MS = 5_000;

/** The random delay between two attempts: up to the first, doubling up to the second, in milliseconds. */
const DELAY_BASE_MS = 500;
const DELAY_MAX_MS = 4_000;

/** What a client needs of the world. */
export interface RestClientPorts {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  /** Aborts when the person presses Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Told in one line that an attempt failed and another one follows. */
  readonly onRetry: (line: string) => void;
}

/** What may be said about a write that got no answer. */
export interface WriteWords {
  /** What was asked, for the message: `the kill`. */
  readonly what: string;
  /** What to do when it is not known whether it was done. */
  readonly next: readonly string[];
}

/**
 * The REST API, one environment of it. Answers are of the schema's types on trust: parsing them would load zod,
 * which costs more than the rest of the command. What is no JSON object is a failure.
 */
export interface RestClient {
  /** Reads. @throws CommandFailure with the exit code that fits. */
  get<T>(path: string): Promise<T>;
  /**
   * Writes, under one Idempotency-Key for all attempts, so that it is carried out once.
   *
   * @throws CommandFailure that says whether the write was done, or that nobody knows.
   */
  post<T>(path: string, body: unknown, words: WriteWords): Promise<T>;
  /** Replaces, whole. Sent again it changes nothing, so attempts need no key. @throws as {@link RestClient.post}. */
  put<T>(path: string, body: unknown, words: WriteWords): Promise<T>;
  /** Replaces the fields that the body names. @throws as {@link RestClient.post}. */
  patch<T>(path: string, body: unknown, words: WriteWords): Promise<T>;
}

/**
 * @param retryMs - For how long to try again, in milliseconds; left out: {@link RETRY_WRITE_MS} for writes and
 *   {@link RETRY_READ_MS} for reads.
 * @example createRestClient(settings, ports).get<InstancePage>(`${environmentPath(settings)}/instances`)
 */
export function createRestClient(
  settings: OperatorSettings,
  ports: RestClientPorts,
  retryMs?: number,
): RestClient {
  const ask = async <T>(
    path: string,
    { timeoutMs, ...init }: RequestInit & { readonly timeoutMs?: number },
    forMs: number,
    words?: WriteWords,
  ): Promise<T> => {
    const url = new URL(path, settings.url);
    const headers = { ...init.headers, authorization: `Bearer ${settings.key}` };
    const attempt = () => attemptRequest(ports, url, { ...init, headers }, timeoutMs);
    const outcome = await persevere(attempt, ports, forMs);
    if ('body' in outcome) return outcome.body as T;
    throw failureOf(outcome, settings, words);
  };
  const send = <T>(method: string, path: string, body: unknown, words: WriteWords, key = {}): Promise<T> => {
    const headers = { 'content-type': 'application/json', ...key };
    const init = {
      method,
      headers,
      body: JSON.stringify(body),
      ...(method === 'PUT' && { timeoutMs: LARGE_TIMEOUT_MS }),
    };
    return ask(path, init, retryMs ?? RETRY_WRITE_MS, words);
  };
  return {
    get: (path) => ask(path, {}, retryMs ?? RETRY_READ_MS),
    post: (path, body, words) => {
      const key = { 'idempotency-key': Buffer.from(ports.random.bytes(16)).toString('hex') };
      return send('POST', path, body, words, key);
    },
    put: (path, body, words) => send('PUT', path, body, words),
    patch: (path, body, words) => send('PATCH', path, body, words),
  };
}

/** The path of a project. */
export function projectPath(project: string): string {
  return `api/v1/projects/${encodeURIComponent(project)}`;
}

/** The path of the project and environment that the settings name. */
export function environmentPath({
  project,
  environment,
}: Pick<OperatorSettings, 'project' | 'environment'>): string {
  return `${projectPath(project)}/environments/${encodeURIComponent(environment)}`;
}

/** A request that was given up. */
export interface FailedOutcome {
  /** The last attempt. */
  readonly attempt: FailedAttempt;
  /** Whether an attempt without an answer may have reached the server. */
  readonly mayHaveArrived: boolean;
}

async function persevere(
  attempt: () => Promise<Attempt>,
  { clock, random, pause, interrupted, onRetry }: RestClientPorts,
  forMs: number,
): Promise<{ readonly body: object } | FailedOutcome> {
  const giveUpAt = clock.now() + forMs;
  let mayHaveArrived = false;
  for (let bound = DELAY_BASE_MS; ; bound = Math.min(2 * bound, DELAY_MAX_MS)) {
    const made = await attempt();
    if (made.kind === 'answered') return { body: made.body };
    if (made.kind === 'interrupted' || isLostOnTheWay(made)) mayHaveArrived = true;
    const leftMs = giveUpAt - clock.now();
    if (!made.isRetryable || leftMs <= 0) return { attempt: made, mayHaveArrived };
    // A server that asks for half a minute is asked again sooner: this is one person, not a fleet.
    const askedMs = made.kind === 'refused' ? Math.min(made.retryAfterMs, DELAY_MAX_MS) : 0;
    const delayMs = Math.min(leftMs, askedMs + fractionOf(random) * bound);
    onRetry(`${sentenceOf(made)} Trying again for ${formatDuration(leftMs)}.`);
    await pause(delayMs, interrupted);
    if (interrupted.aborted) {
      return { attempt: { kind: 'interrupted', isRetryable: false }, mayHaveArrived };
    }
  }
}

/** Whether the server may have taken the request all the same: no answer, or a gateway's in place of one. */
function isLostOnTheWay(attempt: FailedAttempt): boolean {
  if (attempt.kind === 'lost') return attempt.mayHaveArrived;
  return attempt.kind === 'refused' && attempt.problem === undefined && attempt.isRetryable;
}

function sentenceOf(attempt: Exclude<FailedAttempt, { kind: 'interrupted' }>): string {
  if (attempt.kind === 'lost') return `No answer: ${attempt.cause}.`;
  return attempt.problem?.detail ?? `The server answered ${attempt.status}.`;
}

/**
 * What a person reads when a request failed, and the exit code.
 *
 * @param words - About a write; left out: it was a read.
 */
export function failureOf(
  { attempt, mayHaveArrived }: FailedOutcome,
  { url, project }: OperatorSettings,
  words?: WriteWords,
): CommandFailure {
  const fate = words === undefined ? [] : fateOf(words, mayHaveArrived);
  if (attempt.kind === 'interrupted') return new CommandFailure(EXIT.interrupted, ['Interrupted.', ...fate]);
  if (attempt.kind === 'lost') {
    return new CommandFailure(EXIT.unreachable, [
      `${url.href} does not answer: ${attempt.cause}.`,
      ...fate,
      `Check DIMMER_URL, and whether the server runs: curl -i ${new URL('readyz', url).href}`,
    ]);
  }
  const { status, problem, isRetryable } = attempt;
  if (problem === undefined) return strangerFailure(attempt, url, fate);
  if (status === 401 || status === 403) {
    return new CommandFailure(
      EXIT.unauthorized,
      [...problemLines(problem), ...keyRemedy(status, project)],
      problem,
    );
  }
  const exitCode = isRetryable ? EXIT.unreachable : EXIT.failed;
  return new CommandFailure(exitCode, [...problemLines(problem), ...(isRetryable ? fate : [])], problem);
}

/** Something between here and the server has answered, or the address leads elsewhere. */
function strangerFailure(
  { status, isRetryable }: { readonly status: number; readonly isRetryable: boolean },
  url: URL,
  fate: readonly string[],
): CommandFailure {
  return new CommandFailure(isRetryable ? EXIT.unreachable : EXIT.failed, [
    `${url.href} answered ${status}, and not as Dimmer does.`,
    ...fate,
    'Check that DIMMER_URL leads to a Dimmer server, and what the proxy before it says.',
  ]);
}

function keyRemedy(status: 401 | 403, project: string): string[] {
  if (status === 401) return ['Set DIMMER_ADMIN_KEY to an admin key of this server.'];
  return [`Set DIMMER_ADMIN_KEY to a key that may do this in project "${project}".`];
}

function fateOf({ what, next }: WriteWords, mayHaveArrived: boolean): string[] {
  return mayHaveArrived
    ? [`Nobody knows whether ${what} was done: the answer was lost.`, ...next]
    : [`Nothing was changed: ${what} did not reach the server.`, ...next];
}
