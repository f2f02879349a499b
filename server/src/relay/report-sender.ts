import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Upstream } from './upstream.ts';
import { headersTo, refusalOf, routeOf } from './upstream.ts';

/** What became of a bundle. */
export type Sending =
  | { readonly outcome: 'taken' }
  /** It may be taken later. */
  | { readonly outcome: 'failed'; readonly retryAfterMs: number }
  /** It will never be taken as it is. */
  | { readonly outcome: 'unreadable' };

/** Sends the JSON of a bundle. Never rejects. */
export type SendBundle = (json: string) => Promise<Sending>;

/** An attempt without an answer is given up then, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Below this many characters, packing costs more than it saves. */
const GZIP_CHARACTERS_MIN = 1_024;

/** What is wrong with the bundle itself, and would be so every time. */
const UNREADABLE: ReadonlySet<number> = new Set([400, 413, 415]);

/** Off the thread that serves streams. */
const pack = promisify(gzip);

/** Sends bundles with `POST /sdk/v1/report` of the upstream. */
export function reportSender(upstream: Upstream): SendBundle {
  return async (json) => {
    try {
      return await post(upstream, json);
    } catch {
      return { outcome: 'failed', retryAfterMs: 0 };
    }
  };
}

async function post(upstream: Upstream, json: string): Promise<Sending> {
  const isPacked = json.length >= GZIP_CHARACTERS_MIN;
  const response = await upstream.fetch(routeOf(upstream, 'sdk/v1/report'), {
    method: 'POST',
    headers: {
      ...headersTo(upstream, 'application/json'),
      'content-type': 'application/json',
      ...(isPacked && { 'content-encoding': 'gzip' }),
    },
    body: isPacked ? new Uint8Array(await pack(json)) : json,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    const { status, retryAfterMs = 0 } = refusalOf(response, upstream.wallNow());
    return UNREADABLE.has(status) ? { outcome: 'unreadable' } : { outcome: 'failed', retryAfterMs };
  }
  await response.body?.cancel();
  return { outcome: 'taken' };
}
