import type { Rejection } from '../changes/result.ts';
import { StorageFault } from '../storage/storage.ts';
import type { OfrepErrorCode } from './ofrep-answer.ts';

/** A request that is not answered with evaluations. */
export interface OfrepFault {
  readonly status: 400 | 401 | 403 | 404 | 429 | 500 | 503;
  readonly errorCode: OfrepErrorCode;
  /** For a person: what is wrong, and what to do. */
  readonly errorDetails: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Seconds after which a request that failed for a passing cause may be repeated. */
const RETRY_AFTER_SECONDS = 1;

/** A body that is not JSON. */
export function parseFault(errorDetails: string): OfrepFault {
  return { status: 400, errorCode: 'PARSE_ERROR', errorDetails };
}

/** A context that cannot be evaluated with. */
export function contextFault(errorDetails: string): OfrepFault {
  return { status: 400, errorCode: 'INVALID_CONTEXT', errorDetails };
}

/** A least revision that is none. */
export function minRevisionFault({ detail }: Pick<Rejection, 'detail'>): OfrepFault {
  const errorDetails = `${detail} Send a whole number, as writes answer with.`;
  return { status: 400, errorCode: 'GENERAL', errorDetails };
}

/** A key that opens nothing here. */
export function accessFault({ code, detail }: Pick<Rejection, 'code' | 'detail'>): OfrepFault {
  if (code !== 'UNAUTHENTICATED') return { status: 403, errorCode: 'GENERAL', errorDetails: detail };
  const remedy = 'Send a server or client key with `Authorization: Bearer` or `X-API-Key`.';
  const headers = { 'www-authenticate': 'Bearer' };
  return { status: 401, errorCode: 'GENERAL', errorDetails: `${detail} ${remedy}`, headers };
}

/** A caller that asks too often. @param seconds - When to come back. */
export function rateFault(seconds: number): OfrepFault {
  const headers = { 'retry-after': String(seconds) };
  return {
    status: 429,
    errorCode: 'GENERAL',
    errorDetails: 'Too many requests come with this key or from this address.',
    headers,
  };
}

/** A flag that is not there, or that the key does not see: nobody can tell the two apart. */
export const FLAG_NOT_FOUND: OfrepFault = {
  status: 404,
  errorCode: 'FLAG_NOT_FOUND',
  errorDetails: 'There is no such flag in the environment of the key, or the key does not see it.',
};

/**
 * What was thrown, as an answer. Of a defect it says nothing but the request.
 *
 * @param requestId - As in the server's log.
 */
export function faultOfCause(cause: unknown, requestId: string): OfrepFault {
  if (!(cause instanceof StorageFault)) {
    const errorDetails = `The server made a mistake. Its log has the cause of request ${requestId}.`;
    return { status: 500, errorCode: 'GENERAL', errorDetails };
  }
  const headers = { 'retry-after': String(RETRY_AFTER_SECONDS) };
  return { status: 503, errorCode: 'GENERAL', errorDetails: 'The server cannot answer right now.', headers };
}
