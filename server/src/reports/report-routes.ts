import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { andThen } from '../changes/result.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import { answerProblem } from '../http/problem.ts';
import { decodeReport, readReportBytes } from './report-body.ts';
import { admitted, shed } from './report-shedding.ts';
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
