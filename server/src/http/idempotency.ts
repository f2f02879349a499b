import { createHash } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { IN_FLIGHT } from '../storage/idempotency.ts';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';

/** What a store needs to recognise a repetition. */
export interface Idempotency {
  readonly key: string;
  /** Method, path, query and body in one hash: a repetition has the same. */
  readonly fingerprint: string;
}

const ACCEPTABLE_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Refuses an Idempotency-Key of a wrong form, and a second request with the same one while the first is
 * still being answered by this server. Of one at another server the storage knows.
 *
 * @param ownerOf - Whose keys these are: two callers may choose the same one.
 */
export function singleFlight<E extends HttpEnv>(ownerOf: (c: Context<E>) => string): MiddlewareHandler<E> {
  const inFlight = new Set<string>();
  return async (c, next) => {
    const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined;
    if (key === undefined) return next();
    if (!ACCEPTABLE_KEY.test(key)) return answerProblem(c, malformedKey);
    const name = `${ownerOf(c)} ${key}`;
    if (inFlight.has(name)) return answerProblem(c, IN_FLIGHT);
    inFlight.add(name);
    try {
      await next();
    } finally {
      inFlight.delete(name);
    }
  };
}

/**
 * The idempotency of a request whose body was read; `undefined` where it is no POST or has no
 * Idempotency-Key.
 */
export function idempotencyOf<E extends HttpEnv>(c: Context<E>): Idempotency | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined || c.req.method !== 'POST') return undefined;
  const { pathname, search } = new URL(c.req.url);
  const asked = JSON.stringify([c.req.method, pathname, search, c.get('bodyText')]);
  return { key, fingerprint: createHash('sha256').update(asked).digest('hex') };
}

const malformedKey = {
  code: 'INVALID_REQUEST',
  detail: 'The Idempotency-Key is malformed.',
  issues: [
    {
      path: 'header.idempotency-key',
      rule: 'format',
      message: 'must be 1 to 255 visible ASCII characters',
      remedy: 'Use a random UUID.',
    },
  ],
} as const;
