import type { StreamEnd } from '@dimmer/follower';
import type { Values } from './values.ts';

/** Sends a request to the server. What is thrown on the way rejects. */
export type Post = (path: string, body: object, init: RequestInit) => Promise<Response>;

/** What a context's values are asked with. */
export interface Question {
  readonly post: Post;
  readonly headers: Record<string, string>;
  /** The context, and its hash in secure mode. */
  readonly who: object;
  /** What is here. Its digest goes with its cursor, so that the server can tell whether both have the same. */
  readonly current: () => Values | null;
}

/** @param url - The server; a path is one of this page's own origin. */
export function postOf(url: string, fetch: typeof globalThis.fetch): Post {
  return async (path, body, init) =>
    fetch(`${url}/client/v1/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      credentials: 'omit',
      ...init,
    });
}

/** What says whose key it is, where the body does not. */
export function headersOf(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
}

/** Why an answer is not the one that was wanted. */
export function endOf({ status, headers }: Response): StreamEnd {
  // A date is not worth its bytes here: the follower waits by itself.
  const seconds = Number(headers.get('retry-after'));
  return { message: `the server answered ${status}`, status, retryAfterMs: seconds * 1_000 };
}

/** What an error says, whatever was thrown. */
export function problemOf(error: unknown): string {
  return String((error as Error | undefined)?.message ?? error);
}
