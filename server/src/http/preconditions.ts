import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import { namesEtag } from './etag.ts';

/** The conditional headers of a request. */
export interface Preconditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Whether the request has to say which version it replaces. */
  readonly required: boolean;
}

/**
 * Judges the conditions of a write against what is there now (RFC 9110, section 13).
 *
 * @param etag - The current entity tag; `null` where the thing does not exist.
 */
export function checkPreconditions(conditions: Preconditions, etag: string | null): Result<void> {
  const { ifMatch, ifNoneMatch, required } = conditions;
  if (required && ifMatch === undefined && ifNoneMatch === undefined) return required428(etag);
  if (ifMatch !== undefined && (etag === null || !namesEtag(ifMatch, etag, 'strong'))) {
    return failed(`If-Match is ${ifMatch}, ${currently(etag)}.`);
  }
  if (ifNoneMatch !== undefined && etag !== null && namesEtag(ifNoneMatch, etag, 'weak')) {
    return failed(`If-None-Match is ${ifNoneMatch}, ${currently(etag)}.`);
  }
  return accepted(undefined);
}

function required428(etag: string | null): Result<void> {
  return rejected({ code: 'PRECONDITION_REQUIRED', detail: `There is no If-Match, ${currently(etag)}.` });
}

function failed(detail: string): Result<void> {
  return rejected({ code: 'PRECONDITION_FAILED', detail });
}

function currently(etag: string | null): string {
  return etag === null ? 'and it does not exist' : `and the current ETag is ${etag}`;
}
