import type { Context, MiddlewareHandler } from 'hono';
import type { TrustedProxies } from './client-address.ts';
import { clientAddress, networkOf } from './client-address.ts';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';
import type { RateLimiter } from './rate-limit.ts';

/** Which limit was met. */
export type LimitKind = 'address' | 'key';

/** Told of every request that a limit looked at. */
export interface LimitObserver {
  readonly onRequest?: (caller: string) => void;
  readonly onLimited: (kind: LimitKind) => void;
}

/**
 * Lets requests through as often as a limit says, and answers RATE_LIMITED to the others before they cost anything.
 *
 * @param callerOf - Who shares a limit.
 * @example routes.use('/client/v1/*', limitRequests('address', limiter, addressOf(proxies), observer));
 */
export function limitRequests<E extends HttpEnv>(
  kind: LimitKind,
  limiter: RateLimiter,
  callerOf: (c: Context<E>) => string,
  { onRequest, onLimited }: LimitObserver,
): MiddlewareHandler<E> {
  return async (c, next) => {
    const caller = callerOf(c);
    onRequest?.(caller);
    const seconds = limiter.take(caller);
    if (seconds === 0) return next();
    onLimited(kind);
    return tooManyRequests(c, kind, seconds);
  };
}

/** Where a request comes from, as far as the proxies on its way can be trusted: what one caller can have many of, as one. */
export function addressOf(proxies: TrustedProxies): (c: Context<HttpEnv>) => string {
  return ({ env, req }) =>
    networkOf(clientAddress(env.incoming?.socket.remoteAddress, req.header('x-forwarded-for'), proxies));
}

/** RATE_LIMITED, and when to come back. */
export function tooManyRequests<E extends HttpEnv>(
  c: Context<E>,
  kind: LimitKind,
  seconds: number,
): Response {
  const answer = answerProblem(c, { code: 'RATE_LIMITED', detail: DETAILS[kind] });
  answer.headers.set('retry-after', String(seconds));
  return answer;
}

const DETAILS: Readonly<Record<LimitKind, string>> = {
  address: 'More requests come from this address than one may send.',
  key: 'More requests come with this key than one may send.',
};
