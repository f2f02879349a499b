import { isUtf8 } from 'node:buffer';
import type { EvaluationContext } from '@dimmer/schema';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, andThen, rejected } from '../changes/result.ts';
import type { ClientContext } from '../evaluation/client-context.ts';
import { bad, readContext, readPlainContext } from '../evaluation/client-context.ts';
import { CLIENT_BODY_BYTES_MAX, UNREADABLE } from '../evaluation/client-request.ts';
import { parseJson, readBytes, tooLarge } from '../http/json-body.ts';
import type { OfrepFault } from './ofrep-fault.ts';
import { contextFault, parseFault } from './ofrep-fault.ts';

/** The context of a request, or what is wrong with it. */
export type AskedContext = { readonly asked: ClientContext } | { readonly fault: OfrepFault };

/**
 * Reads the body of a request: `{"context": {...}}`, whatever its media type.
 *
 * @example const read = await readAsked(c.req.raw);
 */
export async function readAsked(request: Request): Promise<AskedContext> {
  const context = andThen(andThen(await readBody(request), memberOf), readContext);
  return context.ok ? { asked: context.value } : { fault: faultOf(context.rejection) };
}

/**
 * The context in a plain body, without the form that is hashed and signed: server keys need none for one flag.
 *
 * @param body - One of which `isPlainBody` holds.
 * @example plainContextOf(Buffer.from('{"context":{"targetingKey":"user-1"}}'))
 */
export function plainContextOf(body: Uint8Array): Result<EvaluationContext> {
  return andThen(memberOf(body), readPlainContext);
}

/** The member `context` of a body. */
function memberOf(body: Uint8Array): Result<unknown> {
  return andThen(andThen(decode(body), parseJson), (parsed) => {
    const isObject = typeof parsed === 'object' && parsed !== null && 'context' in parsed;
    return isObject ? accepted(parsed.context) : bad('The body is not {"context": {...}}.');
  });
}

async function readBody(request: Request): Promise<Result<Uint8Array>> {
  const length = request.headers.get('content-length');
  // Node holds a body to the length that it was announced with, so reading it whole needs no count of its own.
  if (length === null) return readBytes(request.body, CLIENT_BODY_BYTES_MAX);
  if (Number(length) > CLIENT_BODY_BYTES_MAX)
    return rejected(tooLarge(Number(length), CLIENT_BODY_BYTES_MAX));
  return accepted(new Uint8Array(await request.arrayBuffer()));
}

function decode(bytes: Uint8Array): Result<string> {
  if (!isUtf8(bytes)) return rejected({ code: 'INVALID_JSON', detail: 'The body is not UTF-8.' });
  return accepted(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}

/** JSON that nests too deep, or has a forbidden name, names the place; what is no JSON at all has none. */
function faultOf({ code, detail, issues }: Rejection): OfrepFault {
  if (code !== 'INVALID_JSON') return contextFault(detail);
  return issues === undefined ? parseFault(UNREADABLE.detail) : contextFault(UNREADABLE.detail);
}
