import { createHash } from 'node:crypto';
import type { EvaluationContext, JsonValue } from '@dimmer/schema';
import { canonicalJson, LIMITS } from '@dimmer/schema';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';

/** Characters of the SHA-256 that name a context in an ETag. */
const FINGERPRINT_CHARACTERS = 16;

/** A context that was sent to be evaluated. */
export interface ClientContext {
  readonly context: EvaluationContext;
  /** The same in the form that is hashed and signed (schema/SPEC.md, W18). */
  readonly canonical: string;
}

/**
 * Checks a context that came from outside. Its attributes are free; what is refused could not be evaluated, or not
 * cheaply. A refusal names no value of it.
 *
 * @param value - As `JSON.parse` gave it.
 * @returns BAD_CONTEXT where it is refused.
 */
export function readContext(value: unknown): Result<ClientContext> {
  if (!isJsonObject(value)) return bad('The context is not a JSON object.');
  if ('targetingKey' in value && typeof value['targetingKey'] !== 'string') {
    return bad('The targetingKey of the context is not a text.');
  }
  if (depthOf(value) > LIMITS.contextDepth) {
    return bad(`The context is nested deeper than ${LIMITS.contextDepth} levels.`);
  }
  const canonical = canonicalJson(value);
  if (canonical === undefined) return bad('The context holds a text that is not well-formed Unicode.');
  const bytes = Buffer.byteLength(canonical);
  if (bytes > LIMITS.contextBytes) {
    return bad(`The context has ${bytes} bytes as JSON; at most ${LIMITS.contextBytes} are taken.`);
  }
  return accepted({ context: value, canonical });
}

/** BAD_CONTEXT, with what is wrong. */
export function bad(detail: string): Result<never> {
  return rejected({ code: 'BAD_CONTEXT', detail });
}

/** Names a context without telling it: the first 16 hex characters of the SHA-256 of its canonical JSON. */
export function fingerprintOf({ canonical }: ClientContext): string {
  return createHash('sha256').update(canonical).digest('hex').slice(0, FINGERPRINT_CHARACTERS);
}

/** It came out of `JSON.parse`, so its members are JSON too. */
function isJsonObject(value: unknown): value is { readonly [name: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Recursion is safe: bodies that nest deeper than `LIMITS.bodyDepth` are refused before. */
function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members: readonly JsonValue[] = Object.values(value);
  return 1 + members.reduce<number>((deepest, member) => Math.max(deepest, depthOf(member)), 0);
}
