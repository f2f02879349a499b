import { LIMITS } from '@dimmer/schema';
import type { MiddlewareHandler } from 'hono';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { HttpEnv } from './http-env.ts';
import { jsonPathOf } from './json-path.ts';
import { answerProblem } from './problem.ts';

/**
 * Reads a JSON body, once, within its limits, before anything looks at it: media type, size while reading,
 * UTF-8, syntax, nesting, and no own `__proto__` anywhere.
 */
export const jsonBody: MiddlewareHandler<HttpEnv> = async (c, next) => {
  const text = await readJsonText(c.req.raw, LIMITS.bodyBytes);
  const checked = text.ok ? parseJson(text.value) : text;
  if (!text.ok) return answerProblem(c, text.rejection);
  if (!checked.ok) return answerProblem(c, checked.rejection);
  c.set('bodyText', text.value);
  const { url, method } = c.req.raw;
  const headers = new Headers(c.req.raw.headers);
  headers.set('content-type', 'application/json');
  c.req.raw = new Request(url, { method, headers, body: text.value });
  await next();
};

/**
 * Reads a body that says that it is JSON. A request without a body and without a media type stands for `{}`: a
 * restore needs no more.
 *
 * @param maximum - Bytes that are read.
 */
export async function readJsonText({ headers, body }: Request, maximum: number): Promise<Result<string>> {
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
  body: ReadableStream<Uint8Array> | null,
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

/** Parses a body, and refuses what nests too deeply or has an own `__proto__`. */
export function parseJson(text: string): Result<unknown> {
  try {
    const value: unknown = JSON.parse(text);
    const rejection = refusedStructure(value, []);
    return rejection === undefined ? accepted(value) : rejected(rejection);
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'unknown';
    return rejected({
      code: 'INVALID_JSON',
      detail: text === '' ? 'The body is empty.' : `Not JSON: ${reason}.`,
    });
  }
}

/** Recursion is safe: it ends at the limit of nesting. */
function refusedStructure(value: unknown, path: readonly (string | number)[]): Rejection | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length >= LIMITS.bodyDepth) return tooDeep(path);
  if (Object.hasOwn(value, '__proto__')) return forbiddenName([...path, '__proto__']);
  const isList = Array.isArray(value);
  for (const [name, member] of Object.entries(value)) {
    const rejection = refusedStructure(member, [...path, isList ? Number(name) : name]);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

export function tooLarge(size: number, maximum: number): Rejection {
  return {
    code: 'BODY_TOO_LARGE',
    detail: `The body has ${size} bytes or more; at most ${maximum} are read.`,
    limit: { name: 'bodyBytes', current: size, maximum },
  };
}

function tooDeep(path: readonly (string | number)[]): Rejection {
  return {
    code: 'INVALID_JSON',
    detail: `The body is nested deeper than ${LIMITS.bodyDepth} levels.`,
    issues: [
      {
        path: jsonPathOf(path),
        rule: 'depth',
        message: `is nested deeper than ${LIMITS.bodyDepth} levels`,
        remedy: 'Nest less.',
      },
    ],
  };
}

function forbiddenName(path: readonly (string | number)[]): Rejection {
  return {
    code: 'INVALID_JSON',
    detail: 'The body has a field named __proto__.',
    issues: [
      {
        path: jsonPathOf(path),
        rule: 'forbidden-name',
        message: 'is not allowed as a name',
        remedy: 'Rename it.',
      },
    ],
  };
}
