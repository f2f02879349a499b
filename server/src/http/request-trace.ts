import type { MiddlewareHandler } from 'hono';
import type { Tracing } from '../platform/tracing.ts';
import type { HttpEnv } from './http-env.ts';
import { routeOf } from './route-of.ts';

/** Asked by machines every few seconds, with nothing to see. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

/** Answers each request in a span of its own, but for probes. Before the log, so that its lines name the trace. */
export function requestTrace(tracing: Tracing): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!tracing.isOn || PROBES.has(c.req.path)) return next();
    await tracing.request(
      (name) => c.req.header(name),
      async () => {
        await next();
        return { method: c.req.method, route: routeOf(c), status: c.res.status };
      },
    );
  };
}
