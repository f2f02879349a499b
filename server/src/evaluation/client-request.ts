import type { Cursor } from '@dimmer/schema';
import { LIMITS, parseCursor } from '@dimmer/schema';
import type { Result } from '../changes/result.ts';
import { mapResult, rejected } from '../changes/result.ts';
import type { BodySource } from '../http/json-body.ts';
import { parseJson, readJsonText } from '../http/json-body.ts';
import type { ClientContext } from './client-context.ts';
import { bad, readContext } from './client-context.ts';

/** Bytes of a body: room for a context that is written with spaces and escapes, and for what stands beside it. */
export const CLIENT_BODY_BYTES_MAX = 4 * LIMITS.contextBytes;

/** What a client key asks with. */
export interface ClientRequest {
  readonly context: ClientContext;
  /** Secure mode: who says that the context is the user's. */
  readonly hash: string | undefined;
  /** Streams: what the reader holds already. */
  readonly since: Cursor | undefined;
  readonly digest: number | undefined;
}

/** Reads the body of a request for values. What a later SDK sends beside these fields is ignored. */
export async function readClientRequest(source: BodySource): Promise<Result<ClientRequest>> {
  const text = await readJsonText(source, CLIENT_BODY_BYTES_MAX);
  if (!text.ok && text.rejection.code === 'BODY_TOO_LARGE') return bad(text.rejection.detail);
  if (!text.ok) return text;
  const parsed = parseJson(text.value);
  return parsed.ok ? requestOf(parsed.value) : rejected(UNREADABLE);
}

/** What is said of a body that cannot be read: without the words of the parser, which would repeat what was sent. */
export const UNREADABLE = {
  code: 'INVALID_JSON',
  detail: 'The body is no JSON in UTF-8, nests too deeply, or has a field twice or named __proto__.',
} as const;

function requestOf(body: unknown): Result<ClientRequest> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return rejected({ code: 'INVALID_REQUEST', detail: 'The body is not a JSON object with a `context`.' });
  }
  const { context, hash, since, digest } = body as { readonly [name: string]: unknown };
  return mapResult(readContext(context), (read) => ({
    context: read,
    hash: typeof hash === 'string' ? hash : undefined,
    since: typeof since === 'string' ? parseCursor(since) : undefined,
    digest: typeof digest === 'number' ? digest : undefined,
  }));
}
