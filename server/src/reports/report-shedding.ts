import type { Context, MiddlewareHandler } from 'hono';
import type { HttpEnv } from '../http/http-env.ts';
import { answerProblem } from '../http/problem.ts';
import type { ReportIntake } from './reports.ts';

/** Refuses a report before anything of it is read, where the server has no time for it. */
export function admitted({
  admission,
  metrics,
  retryAfterSeconds,
}: ReportIntake): MiddlewareHandler<HttpEnv> {
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

/** REPORTS_SHED, and when to come back. */
export function shed<E extends HttpEnv>(c: Context<E>, seconds: number): Response {
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
