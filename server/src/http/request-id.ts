import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { MiddlewareHandler } from 'hono';
import type { Random } from '../platform/random.ts';
import type { HttpEnv } from './http-env.ts';

/** What a proxy may hand on: enough for every common format, nothing that could break a log line. */
const ACCEPTABLE_ID = /^[A-Za-z0-9._:-]{8,128}$/;

/**
 * Names the request: the caller's `X-Request-Id` where it has an acceptable form, else a new id. The answer
 * carries it too.
 *
 * @param newId - Makes an id that nobody can guess.
 */
export function requestId(newId: () => string): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const given = c.req.header('x-request-id');
    const id = given !== undefined && ACCEPTABLE_ID.test(given) ? given : newId();
    c.set('requestId', id);
    c.set('bodyText', '');
    await next();
    // A stream has sent its own headers already.
    if (c.res !== RESPONSE_ALREADY_SENT) c.res.headers.set('x-request-id', id);
  };
}

/** Bytes of one id. */
const ID_BYTES = 12;

/** Ids that are drawn at once: a draw costs the same for one as for many. */
const IDS_PER_DRAW = 128;

/**
 * Makes ids that nobody can guess.
 *
 * @example requestIds(systemRandom)() // '0f3ac1…', 24 hex characters
 */
export function requestIds(random: Pick<Random, 'bytes'>): () => string {
  let drawn = '';
  return () => {
    if (drawn === '') drawn = Buffer.from(random.bytes(ID_BYTES * IDS_PER_DRAW)).toString('hex');
    const id = drawn.slice(0, 2 * ID_BYTES);
    drawn = drawn.slice(2 * ID_BYTES);
    return id;
  };
}
