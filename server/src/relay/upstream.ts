import { retryAfterMs } from '../http/retry-after.ts';

/** The server, or another relay, that one environment is followed at. */
export interface Upstream {
  /** With a path that ends in `/`. */
  readonly url: URL;
  /** A server key of the environment. */
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
}

/** An answer that is not the one that was asked for. */
export interface Refusal {
  readonly message: string;
  readonly status: number;
  readonly retryAfterMs?: number;
}

/** The address of a route of the upstream. */
export function routeOf({ url }: Upstream, path: string): URL {
  return new URL(path, url);
}

/** What every request to the upstream says. */
export function headersTo({ key }: Upstream, accept: string): Record<string, string> {
  return { accept, authorization: `Bearer ${key}` };
}

/** Tells an answer that is of no use, and lets its body go: it would hold its connection. */
export function refusalOf(response: Response, wallNow: number): Refusal {
  response.body?.cancel().catch(() => undefined);
  const { status, headers } = response;
  const asked = retryAfterMs(headers.get('retry-after'), wallNow);
  return { message: messageOf(status), status, ...(asked !== undefined && { retryAfterMs: asked }) };
}

/** What failed, without a stack: a network fault has its reason in its cause. */
export function faultOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}

function messageOf(status: number): string {
  if (status === 401 || status === 403) return `the upstream answered ${status}; use a server key of it`;
  if (status >= 500 || status === 429) return `the upstream answered ${status}`;
  return `the upstream answered ${status}; check that DIMMER_RELAY_UPSTREAM leads to a Dimmer server that is not older`;
}
