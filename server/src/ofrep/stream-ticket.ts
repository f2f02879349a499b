import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../access/api-key.ts';
import { hasExpired } from '../access/authenticate.ts';

/** Where event streams are served. */
const STREAM_PATH = '/ofrep/v1/stream';

/**
 * How long a ticket is given for, in seconds: it opens streams until the end of the hour after the one in which it
 * was made. Whole hours, so that bulk answers of one hour name one URL, and clients keep their stream.
 */
const TICKET_HOUR_SECONDS = 3_600;

/** What a stream URL says. It names no context, and no secret. */
export interface StreamTicket {
  readonly keyId: string;
  /** Seconds since the Unix epoch. */
  readonly expires: number;
  /** `epoch:revision` of the bulk answer that it came with. */
  readonly since: string;
  /** HMAC-SHA256 of the three and of the key's environment, hex. */
  readonly signature: string;
}

/** What a ticket is signed for. */
export type TicketKey = Pick<ApiKey, 'id' | 'hash' | 'project' | 'environment'>;

/**
 * The hour that a ticket of this moment is given in. An ETag that names it changes before the URL that came with
 * it expires, so that no 304 leaves a client with a dead one.
 *
 * @param now - Milliseconds since the Unix epoch.
 */
export function ticketHourOf(now: number): number {
  return Math.floor(now / 1000 / TICKET_HOUR_SECONDS);
}

/**
 * The URL, path and query, that opens an event stream by itself: browsers cannot send a header with one. It is
 * signed with what the database holds of the key, its SHA-256. So it ends with the key, every server can check it,
 * and no other secret exists.
 *
 * @param since - `epoch:revision`.
 * @param now - Milliseconds since the Unix epoch.
 * @example streamUrl(key, 'k3v9:42', clock.now()) // '/ofrep/v1/stream?key=…&expires=…&since=k3v9%3A42&signature=…'
 */
export function streamUrl(key: TicketKey, since: string, now: number): string {
  const expires = (ticketHourOf(now) + 2) * TICKET_HOUR_SECONDS;
  const signature = signatureOf(key, expires, since);
  const query = new URLSearchParams({ key: key.id, expires: String(expires), since, signature });
  return `${STREAM_PATH}?${query}`;
}

/** @returns `undefined` where the query is not that of a stream URL. */
export function readTicket(query: Readonly<Record<string, string | undefined>>): StreamTicket | undefined {
  const { key: keyId, expires, since, signature } = query;
  if (keyId === undefined || since === undefined) return undefined;
  if (!/^\d{1,12}$/.test(expires ?? '') || !/^[0-9a-f]{64}$/.test(signature ?? '')) return undefined;
  return { keyId, expires: Number(expires), since, signature: signature ?? '' };
}

/**
 * The key whose ticket it is.
 *
 * @param keys - Every key there is.
 * @param now - Milliseconds since the Unix epoch.
 * @returns `undefined` where the ticket or its key has expired, the key is gone, or something was altered.
 */
export function ticketHolder(ticket: StreamTicket, keys: Iterable<ApiKey>, now: number): ApiKey | undefined {
  if (ticket.expires * 1000 <= now) return undefined;
  for (const key of keys) {
    if (key.id === ticket.keyId) return !hasExpired(key, now) && isSignedBy(key, ticket) ? key : undefined;
  }
  return undefined;
}

function isSignedBy(key: TicketKey, { expires, since, signature }: StreamTicket): boolean {
  return timingSafeEqual(Buffer.from(signatureOf(key, expires, since)), Buffer.from(signature));
}

/** The first word keeps it apart from everything else that is ever signed with a key. */
function signatureOf({ id, hash, project, environment }: TicketKey, expires: number, since: string): string {
  const text = JSON.stringify(['ofrep-stream', id, project, environment, expires, since]);
  return createHmac('sha256', hash).update(text).digest('hex');
}
