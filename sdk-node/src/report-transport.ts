import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '@dimmer/follower';
import type { Report } from '@dimmer/schema';
import { retryAfterMs } from './retry-after.ts';

/** What became of a report. */
export type Sending =
  /** `clockOffsetMs`: the server's clock minus this one's; `null` where it did not say. */
  | { readonly outcome: 'taken'; readonly clockOffsetMs: number | null }
  /** It may be taken later. */
  | { readonly outcome: 'failed'; readonly retryAfterMs: number }
  /** It will never be taken: the server cannot read it. */
  | { readonly outcome: 'unreadable' };

/** Sends a report. Never rejects. */
export type SendReport = (report: Report, limitMs: number) => Promise<Sending>;

export interface ReportTransportOptions {
  /** The server, with a path that ends in `/`. */
  readonly url: URL;
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
}

/** Below this many bytes, packing costs more than it saves. */
const GZIP_BYTES_MIN = 1_024;

/** Off the thread of the program. */
const pack = promisify(gzip);

/** Sends reports with `POST /sdk/v1/report`. */
export function reportTransport(options: ReportTransportOptions): SendReport {
  const url = new URL('sdk/v1/report', options.url);
  return async (report, limitMs) => {
    const abort = new AbortController();
    const cancel = options.clock.after(limitMs, () => abort.abort());
    try {
      return await post(url, report, options, abort.signal);
    } catch {
      return { outcome: 'failed', retryAfterMs: 0 };
    } finally {
      cancel();
    }
  };
}

async function post(
  url: URL,
  report: Report,
  { key, fetch, wallNow }: ReportTransportOptions,
  signal: AbortSignal,
): Promise<Sending> {
  const plain = Buffer.from(JSON.stringify(report));
  const isPacked = plain.length >= GZIP_BYTES_MIN;
  const body = new Uint8Array(isPacked ? await pack(plain) : plain);
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    ...(isPacked && { 'content-encoding': 'gzip' }),
  };
  const sentAt = wallNow();
  const response = await fetch(url, { method: 'POST', headers, body, signal });
  const answeredAt = wallNow();
  if (!response.ok) {
    await response.body?.cancel();
    return refusalOf(response, answeredAt);
  }
  const now = serverTimeOf(await response.text());
  return { outcome: 'taken', clockOffsetMs: now === undefined ? null : now - (sentAt + answeredAt) / 2 };
}

function refusalOf({ status, headers }: Response, now: number): Sending {
  // A body that is too large or makes no sense would be so every time. All else may pass, also a 404: the
  // server may be older than this SDK, and be updated.
  if (status === 400 || status === 413 || status === 415) return { outcome: 'unreadable' };
  return { outcome: 'failed', retryAfterMs: retryAfterMs(headers.get('retry-after'), now) ?? 0 };
}

function serverTimeOf(text: string): number | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null || !('now' in answer)) return undefined;
    return typeof answer.now === 'number' && Number.isFinite(answer.now) ? answer.now : undefined;
  } catch {
    return undefined;
  }
}
