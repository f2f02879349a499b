import { createHash, createHmac } from 'node:crypto';
import type { EvaluationContext, JsonValue } from '@dimmer/schema';
import { canonicalJson } from '@dimmer/schema';

/**
 * Signs a context for secure mode: HMAC-SHA256 of its canonical JSON (RFC 8785), keyed with the hex SHA-256 of the
 * key.
 *
 * @param key - A server key of the environment, `dim_srv_...`.
 * @param context - Only what JSON can carry counts: it is what the browser sends.
 * @returns 64 hex characters; `undefined` where JSON cannot carry the context, or its text is no Unicode.
 * @example secureHash('dim_srv_...', { targetingKey: 'user-1' })
 */
export function secureHash(key: string, context: EvaluationContext): string | undefined {
  const canonical = canonicalOf(context);
  if (canonical === undefined) return undefined;
  const keyHash = createHash('sha256').update(key).digest('hex');
  return createHmac('sha256', keyHash).update(canonical).digest('hex');
}

/** By way of JSON, so that a `Date`, say, is signed as the text that is sent. A context may throw when it is read. */
function canonicalOf(context: EvaluationContext): string | undefined {
  try {
    return canonicalJson(JSON.parse(JSON.stringify(context)) as JsonValue);
  } catch {
    return undefined;
  }
}
