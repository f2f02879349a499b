import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { HttpEnv } from '../http/http-env.ts';
import type { OfrepFault } from './ofrep-fault.ts';

/** No answer but that of a caller's own bulk request may be kept, and that only to ask whether it still holds. */
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/**
 * Answers with JSON. A good answer is written to Node's own response where there is one: a Response would be taken
 * apart again by a stream reader, which costs more than the whole evaluation (`npm run bench:ofrep`).
 */
export function answerJson(
  c: Context<HttpEnv>,
  status: 200 | 400,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { outgoing } = c.env;
  if (outgoing === undefined || status !== 200) return c.body(body, status, { ...JSON_HEADERS, ...headers });
  outgoing.writeHead(200, {
    ...crossOriginHeaders(c),
    ...JSON_HEADERS,
    ...headers,
    'content-length': Buffer.byteLength(body),
    'x-request-id': c.get('requestId'),
  });
  outgoing.end(body);
  return RESPONSE_ALREADY_SENT;
}

/** Answers with what went wrong, and with the key where the request was for one flag. */
export function answerFault(
  c: Context<HttpEnv>,
  { status, errorCode, errorDetails, headers }: OfrepFault,
): Response {
  const key = c.req.param('key');
  const body = JSON.stringify({ ...(key !== undefined && { key }), errorCode, errorDetails });
  return c.body(body, status, { ...JSON_HEADERS, ...headers });
}

/** What CORS has put on the answer. Only for requests of pages: to look makes a Response. */
function crossOriginHeaders(c: Context<HttpEnv>): Readonly<Record<string, string>> {
  return c.req.header('origin') === undefined ? {} : Object.fromEntries(c.res.headers);
}
