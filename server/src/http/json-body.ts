import { type ExceededLimit, LIMITS } from '@dimmer/schema';
import type { Context, MiddlewareHandler } from 'hono';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { HttpEnv } from './http-env.ts';
import { jsonPathOf } from './json-path.ts';
import type { StructureFault } from './json-structure.ts';
import { structureFaultOf } from './json-structure.ts';
import { answerProblem } from './problem.ts';

/**
 * Reads a JSON body, once, within its limits, before anything looks at it: media type, size while reading,
 * UTF-8, nesting, no name twice and no `__proto__` anywhere, syntax.
 *
 * @param maximum - Bytes that are read.
 */
export function jsonBody(maximum: number): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const text = await readJsonText(c.req.raw, maximum);
    if (!text.ok) return answerProblem(c, text.rejection);
    const parsed = parseJson(text.value);
    if (!parsed.ok) return answerProblem(c, parsed.rejection);
    c.set('bodyText', text.value);
    const { url, method } = c.req.raw;
    const headers = new Headers(c.req.raw.headers);
    headers.set('content-type', 'application/json');
    c.req.raw = new Request(url, { method, headers, body: text.value });
    return next();
  };
}

/** What a body is read from. */
export interface BodySource {
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array> | null;
}

/**
 * The body of a request as Node has it, where there is a socket. The web's stream of the same bytes stays for as long as
 * the answer, and of a stream of events that is hours: it costs more than all else of the stream together.
 */
export function rawBody<E extends HttpEnv>({ env, req }: Context<E>): BodySource {
  const { headers } = req.raw;
  const { incoming } = env;
  // Left undestroyed, the connection can still carry the refusal of a body that is too large.
  return { headers, body: incoming?.iterator({ destroyOnReturn: false }) ?? req.raw.body };
}

/**
 * Reads a body that says that it is JSON. A request without a body and without a media type stands for `{}`: a
 * restore needs no more.
 *
 * @param maximum - Bytes that are read.
 */
export async function readJsonText({ headers, body }: BodySource, maximum: number): Promise<Result<string>> {
  const refusal = refusedEncoding(headers) ?? refusedLength(headers, maximum);
  if (refusal !== undefined) return rejected(refusal);
  const mediaType = headers.get('content-type');
  if (mediaType !== null && !/^application\/json\s*(;|$)/i.test(mediaType)) {
    return rejected({ code: 'UNSUPPORTED_MEDIA_TYPE', detail: `The Content-Type is ${mediaType}.` });
  }
  const bytes = await readBytes(body, maximum);
  if (!bytes.ok) return bytes;
  if (mediaType !== null) return decodeUtf8(bytes.value);
  if (bytes.value.byteLength === 0) return accepted('{}');
  return rejected({ code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'There is a body, and no Content-Type.' });
}

function refusedEncoding(headers: Headers): Rejection | undefined {
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return undefined;
  const detail = `The Content-Encoding is ${encoding}; bodies are read as they are.`;
  return { code: 'UNSUPPORTED_MEDIA_TYPE', detail };
}

function refusedLength(headers: Headers, maximum: number): Rejection | undefined {
  const length = Number(headers.get('content-length') ?? 0);
  return length > maximum ? tooLarge(length, maximum) : undefined;
}

/** Reads a body until its end, or until it has more bytes than it may. */
export async function readBytes(
  body: AsyncIterable<Uint8Array> | null,
  maximum: number,
): Promise<Result<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body ?? []) {
      size += chunk.byteLength;
      if (size > maximum) return rejected(tooLarge(size, maximum));
      chunks.push(chunk);
    }
  } catch {
    // The caller went away or broke HTTP in the middle: no defect, and nobody is left to read the answer.
    return rejected({ code: 'INVALID_JSON', detail: `The body ended early, after ${size} bytes.` });
  }
  return accepted(Buffer.concat(chunks, size));
}

function decodeUtf8(bytes: Uint8Array): Result<string> {
  try {
    return accepted(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return rejected({ code: 'INVALID_JSON', detail: 'The body is not UTF-8.' });
  }
}

/** Parses a body, and refuses what nests too deeply, has too many names, one twice or a `__proto__`. */
export function parseJson(text: string): Result<unknown> {
  const fault = structureFaultOf(text, LIMITS.bodyDepth, LIMITS.bodyNames);
  if (fault !== undefined) return rejected(refusalOf(fault));
  try {
    return accepted(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'unknown';
    return rejected({
      code: 'INVALID_JSON',
      detail: text === '' ? 'The body is empty.' : `Not JSON: ${reason}.`,
    });
  }
}

export function tooLarge(size: number, maximum: number): Rejection {
  return {
    code: 'BODY_TOO_LARGE',
    detail: `The body has ${size} bytes or more; at most ${maximum} are read.`,
    limit: { name: 'bodyBytes', current: size, maximum },
  };
}

interface StructureRule {
  readonly message: string;
  readonly remedy: string;
  readonly limit?: ExceededLimit;
}

const STRUCTURE_RULES: Readonly<Record<StructureFault['rule'], StructureRule>> = {
  depth: {
    message: `is nested deeper than ${LIMITS.bodyDepth} levels`,
    remedy: 'Nest less.',
    limit: exceeded('bodyDepth'),
  },
  names: {
    message: `is beyond the first ${LIMITS.bodyNames} members there`,
    remedy: 'Send fewer.',
    limit: exceeded('bodyNames'),
  },
  'forbidden-name': { message: 'is not allowed as a name', remedy: 'Rename it.' },
  'duplicate-name': { message: 'is there twice in one object', remedy: 'Leave one of them.' },
};

function refusalOf({ rule, path }: StructureFault): Rejection {
  const place = jsonPathOf(path);
  const broken = STRUCTURE_RULES[rule];
  return {
    code: 'INVALID_JSON',
    detail: `The body is refused: ${place.slice(0, 100)} ${broken.message}.`,
    issues: [{ path: place, rule, ...broken }],
    ...(broken.limit !== undefined && { limit: broken.limit }),
  };
}

/** Nothing is read beyond the first that is too many, so that is what there is. */
function exceeded(name: 'bodyDepth' | 'bodyNames'): ExceededLimit {
  return { name, current: LIMITS[name] + 1, maximum: LIMITS[name] };
}
