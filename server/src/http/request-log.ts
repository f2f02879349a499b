import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { HttpMetrics } from '../platform/metrics.ts';
import type { HttpEnv } from './http-env.ts';
import { routeOf } from './route-of.ts';

/**
 * Asked by machines, every few seconds or thousands of times in one; they would drown what people did, and a line for
 * each evaluation would cost more than the evaluation.
 */
const QUIET: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/ofrep/v1/evaluate/flags/:key{.+}',
]);

/**
 * Logs and counts each request once it is answered: method, route pattern, status and time. Never the query,
 * a header or a body, so neither keys nor contexts can reach the log.
 */
export function requestLog(log: Log, metrics: HttpMetrics, clock: Clock): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const start = clock.now();
    await next();
    const durationMs = clock.now() - start;
    const route = routeOf(c);
    const request = { method: c.req.method, route, status: c.res.status };
    metrics.observe(request, durationMs);
    const level = QUIET.has(route) ? 'debug' : 'info';
    log[level]({ requestId: c.get('requestId'), ...request, durationMs }, 'answered');
  };
}
