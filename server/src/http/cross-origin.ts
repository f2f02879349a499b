import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { HttpEnv } from './http-env.ts';

/** Any origin may ask; only where the settings say so. */
export const ANY_ORIGIN = '*';

/** For how long a browser may remember the answer to a preflight, in seconds. */
const MAX_AGE_SECONDS = 600;

const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'if-none-match',
  'last-event-id',
  'x-api-key',
  'dimmer-instance',
];

/**
 * Lets pages of other origins ask, by the rules of CORS. Never with credentials: a client key is sent by the page,
 * and no cookie means anything here.
 *
 * @param origins - Exact origins, or {@link ANY_ORIGIN} alone. None: pages of the server's own origin only.
 * @example routes.use('/client/v1/*', crossOrigin(['https://shop.example']));
 */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<HttpEnv> {
  return cors({
    origin: origins.includes(ANY_ORIGIN) ? ANY_ORIGIN : [...origins],
    allowMethods: ['POST', 'GET', 'OPTIONS'],
    allowHeaders: REQUEST_HEADERS,
    exposeHeaders: ['ETag', 'Retry-After', 'X-Request-Id'],
    maxAge: MAX_AGE_SECONDS,
  });
}
