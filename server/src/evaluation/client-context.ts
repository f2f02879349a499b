import { createHash } from 'node:crypto';
import type { EvaluationContext, JsonValue } from '@dimmer/schema';
import { canonicalJson, LIMITS } from '@dimmer/schema';
import type { Result } from '../changes/result.ts';
import { accepted, andThen, rejected } from '../changes/result.ts';

/** Characters of the SHA-256 that name a context in an ETag. */
const FINGERPRINT_CHARACTERS = 16;

interface JsonObject {
  readonly [name: string]: JsonValue;
}

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
  return andThen(readPlainContext(value), (context) => {
    const canonical = canonicalJson(context);
    if (canonical === undefined) return bad('The context holds a text that is not well-formed Unicode.');
    const bytes = Buffer.byteLength(canonical);
    if (bytes <= LIMITS.contextBytes) return accepted({ context, canonical });
    return bad(`The context has ${bytes} bytes as JSON; at most ${LIMITS.contextBytes} are taken.`);
  });
}

/**
 * The same without its canonical form, for a body of which {@link isPlainBody} says that the form would be well-formed
 * and small enough.
 */
export function readPlainContext(value: unknown): Result<EvaluationContext & JsonObject> {
  if (!isJsonObject(value)) return bad('The context is not a JSON object.');
  if ('targetingKey' in value && typeof value['targetingKey'] !== 'string') {
    return bad('The targetingKey of the context is not a text.');
  }
  if (depthOf(value) > LIMITS.contextDepth) {
    return bad(`The context is nested deeper than ${LIMITS.contextDepth} levels.`);
  }
  return accepted(value);
}

/**
 * How many times longer than what was sent a canonical form can be. What grows most is a number: `1e20,` becomes
 * `100000000000000000000,`.
 */
const GROWTH_MAX = 5;

const BACKSLASH = 0x5c;

/**
 * Whether no context in a body can be too large or hold a lone surrogate, which only an escape can bring into UTF-8.
 *
 * @example isPlainBody(Buffer.from('{"context":{"targetingKey":"user-1"}}')) // true
 */
export function isPlainBody(body: Uint8Array): boolean {
  return body.byteLength * GROWTH_MAX <= LIMITS.contextBytes && !body.includes(BACKSLASH);
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
function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Recursion is safe: bodies that nest deeper than `LIMITS.bodyDepth` are refused before. */
function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members: readonly JsonValue[] = Object.values(value);
  return 1 + members.reduce<number>((deepest, member) => Math.max(deepest, depthOf(member)), 0);
}
