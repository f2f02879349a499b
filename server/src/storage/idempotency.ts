import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { Reply, TransactOutcome, TransactRequest } from './storage.ts';

/** How long a reply is kept for repeats of its request: 24 hours. */
export const REPLY_KEPT_MS: number = 24 * 60 * 60 * 1000;

/** Of a request whose Idempotency-Key belongs to one that is still being carried out, here or by another server. */
export const IN_FLIGHT: Rejection = {
  code: 'REQUEST_IN_FLIGHT',
  detail: 'The first request has no answer yet.',
};

/** The reply of an earlier request, as kept under (actor, Idempotency-Key). */
export interface StoredReply {
  readonly fingerprint: string;
  readonly reply: Reply;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * What an earlier request with the same Idempotency-Key says about this one.
 *
 * @returns The earlier reply; a rejection where the key was used for another request; `undefined` where the
 * request is to be carried out, because there was none or it is older than {@link REPLY_KEPT_MS}.
 */
export function replayOf(
  idempotency: NonNullable<TransactRequest['idempotency']>,
  earlier: StoredReply | undefined,
  now: number,
): Result<TransactOutcome> | undefined {
  if (earlier === undefined || earlier.at <= now - REPLY_KEPT_MS) return undefined;
  if (earlier.fingerprint === idempotency.fingerprint) {
    return accepted({ reply: earlier.reply, replayed: true });
  }
  return rejected({
    code: 'IDEMPOTENCY_KEY_REUSED',
    detail: `The Idempotency-Key ${JSON.stringify(idempotency.key)} was used for a different request within the last 24 hours.`,
    remedy: 'Send a new Idempotency-Key with every new request; repeat one only with the identical request.',
  });
}
