import type { ProblemDocument } from '@dimmer/schema';
import { PROBLEMS } from '@dimmer/schema';

/** An attempt without an answer is given up then, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** The same for a whole environment, which takes time to send and to check. */
export const LARGE_TIMEOUT_MS = 60_000;

/** What a proxy answers while nothing behind it does. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Faults of a connection that was never made: nothing can have arrived. */
const NEVER_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What became of one request. */
export type Attempt =
  | { readonly kind: 'answered'; readonly body: object }
  | {
      readonly kind: 'refused';
      readonly status: number;
      /** Absent where the answer is not Dimmer's. */
      readonly problem: ProblemDocument | undefined;
      readonly isRetryable: boolean;
      readonly retryAfterMs: number;
    }
  | {
      readonly kind: 'lost';
      readonly cause: string;
      readonly mayHaveArrived: boolean;
      readonly isRetryable: true;
    }
  | { readonly kind: 'interrupted'; readonly isRetryable: false };

/** An attempt that did not lead to what was asked. */
export type FailedAttempt = Exclude<Attempt, { readonly kind: 'answered' }>;

/** Makes one request, and never throws. */
export async function attemptRequest(
  ports: { readonly fetch: typeof globalThis.fetch; readonly interrupted: AbortSignal },
  url: URL,
  init: RequestInit,
  timeoutMs = REQUEST_TIMEOUT_MS,
): Promise<Attempt> {
  const signal = AbortSignal.any([ports.interrupted, AbortSignal.timeout(timeoutMs)]);
  try {
    const response = await ports.fetch(url, { ...init, signal });
    return attemptOf(response, await response.text());
  } catch (cause) {
    if (ports.interrupted.aborted) return { kind: 'interrupted', isRetryable: false };
    return { kind: 'lost', isRetryable: true, ...lossOf(cause, timeoutMs) };
  }
}

/**
 * Why a connection failed, in words; `fetch` hides the reason one or two errors deep.
 *
 * @example lossOf(error) // { cause: 'connection refused (ECONNREFUSED)', mayHaveArrived: false }
 */
export function lossOf(
  cause: unknown,
  timeoutMs = REQUEST_TIMEOUT_MS,
): { readonly cause: string; readonly mayHaveArrived: boolean } {
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    return { cause: `nothing came within ${timeoutMs / 1_000} s`, mayHaveArrived: true };
  }
  const root = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code: unknown = root instanceof Error ? Reflect.get(root, 'code') : undefined;
  const words =
    WORDS[String(code)] ??
    (root instanceof Error && root.message !== '' ? root.message : 'the connection failed');
  return {
    cause: typeof code === 'string' ? `${words} (${code})` : words,
    mayHaveArrived: !NEVER_CONNECTED.has(code),
  };
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  EHOSTUNREACH: 'no way to the host',
  ENETUNREACH: 'no way to the network',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
};

/** What an answer means. */
export function attemptOf(response: Response, text: string): Attempt {
  const body = objectIn(text);
  if (response.ok && body !== undefined) return { kind: 'answered', body };
  const problem = problemIn(body);
  const { status } = response;
  return {
    kind: 'refused',
    status,
    problem,
    isRetryable: problem === undefined ? GATEWAY_STATUSES.has(status) : PROBLEMS[problem.code].retryable,
    retryAfterMs: Number(response.headers.get('retry-after') ?? 0) * 1_000 || 0,
  };
}

/** The problem document in an answer, where it is one of Dimmer's. */
function problemIn(body: object | undefined): ProblemDocument | undefined {
  if (body === undefined || !('code' in body) || !('detail' in body)) return undefined;
  return Object.hasOwn(PROBLEMS, String(body.code)) ? (body as ProblemDocument) : undefined;
}

/** The JSON object in a text; `undefined` where there is none. */
export function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
