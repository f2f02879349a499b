import type { EvaluationContext } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { readBytes } from '../http/json-body.ts';
import type { OfrepFault } from './ofrep-fault.ts';
import { contextFault, parseFault } from './ofrep-fault.ts';

/** The context of a request, or what is wrong with it. */
export type ReadContext = { readonly context: EvaluationContext } | { readonly fault: OfrepFault };

/** What surrounds the context in a body, generously: `{"context":…}` and white space, in bytes. */
const ENVELOPE_BYTES = 1_024;

/**
 * Reads the body of a request: `{"context": {...}}`. No more of it is read than a context may have.
 *
 * @example const read = await readContext(c.req.raw);
 */
export async function readContext(request: Request): Promise<ReadContext> {
  const bytes = await readBody(request);
  return bytes === undefined ? { fault: tooLarge } : contextOf(bytes);
}

/**
 * The context in a body.
 *
 * @example contextOf(Buffer.from('{"context":{"targetingKey":"user-1"}}'))
 */
export function contextOf(bytes: Uint8Array): ReadContext {
  const parsed = parse(bytes);
  if ('fault' in parsed) return parsed;
  const context = isObject(parsed.json) ? parsed.json['context'] : undefined;
  if (!isObject(context)) return { fault: contextFault('The body must be {"context": {...}}.') };
  const { targetingKey } = context;
  if (targetingKey !== undefined && targetingKey !== null && typeof targetingKey !== 'string') {
    return { fault: contextFault('The targetingKey must be a string, or be left out.') };
  }
  return isDeeperThan(context, LIMITS.bodyDepth) ? { fault: tooDeep } : { context };
}

const tooLarge = contextFault(
  `A context may have ${LIMITS.contextBytes} bytes as JSON. Send fewer attributes.`,
);
const tooDeep = contextFault(`A context may be nested ${LIMITS.bodyDepth} levels deep. Nest less.`);

/** @returns `undefined` where there are more bytes than there may be, or the caller went away. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  const maximum = LIMITS.contextBytes + ENVELOPE_BYTES;
  const length = request.headers.get('content-length');
  if (length === null) {
    const read = await readBytes(request.body, maximum);
    return read.ok ? read.value : undefined;
  }
  // Node holds a body to the length that it was announced with, so this needs no count of its own.
  return Number(length) > maximum ? undefined : new Uint8Array(await request.arrayBuffer());
}

function parse(bytes: Uint8Array): { readonly json: unknown } | { readonly fault: OfrepFault } {
  try {
    return { json: JSON.parse(utf8.decode(bytes)) };
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'it is not UTF-8';
    return { fault: parseFault(`The body is not JSON: ${reason}.`) };
  }
}

/** It ignores what it decoded before: `decode` without `stream` keeps nothing. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Recursion is safe: it ends at the limit. */
function isDeeperThan(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null && isDeeperThan(member, levels - 1)) return true;
  }
  return false;
}
