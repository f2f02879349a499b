import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { andThen } from '../changes/result.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { answerProblem } from '../http/problem.ts';
import { decodeReport, readReportBytes } from './report-body.ts';
import type { Reports } from './reports.ts';

/**
 * `POST /report`, to be mounted at `/sdk/v1`. A busy server refuses it before it looks at key or body.
 *
 * @param authenticateServerKey - Refuses a request, or sets `environment`.
 */
export function reportRoutes(
  reports: Reports,
  authenticateServerKey: MiddlewareHandler<DeliveryEnv>,
): Hono<DeliveryEnv> {
  return new Hono<DeliveryEnv>().post('/report', admitted(reports), authenticateServerKey, (c) =>
    take(c, reports),
  );
}

/** Refuses a report before anything of it is read, where the server has no time for it. */
export function admitted({ admission, metrics, retryAfterSeconds }: Reports): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const leave = admission.enter(lengthOf(c.req.header('content-length')));
    if (leave === undefined) {
      metrics.observe('shed');
      return shed(c, retryAfterSeconds());
    }
    try {
      await next();
    } finally {
      leave();
    }
  };
}

async function take(c: Context<DeliveryEnv>, reports: Reports): Promise<Response> {
  const bytes = await readReportBytes(c.req.raw);
  await reports.turns.next();
  const report = andThen(bytes, decodeReport);
  if (!report.ok) {
    reports.metrics.observe('invalid');
    return answerProblem(c, report.rejection);
  }
  const outcome = reports.take(c.get('environment'), report.value);
  if (outcome === 'full') return shed(c, reports.retryAfterSeconds());
  return c.json({ now: reports.clock.now() }, 202, { 'cache-control': 'no-store' });
}

function shed<E extends HttpEnv>(c: Context<E>, seconds: number): Response {
  const response = answerProblem(c, {
    code: 'REPORTS_SHED',
    detail: 'The server has other things to do first. Nothing of the report was counted.',
  });
  response.headers.set('retry-after', String(seconds));
  return response;
}

function lengthOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
