import type { Context } from 'hono';
import { Hono } from 'hono';
import { environmentOf, type Identify } from '../access/guard.ts';
import type { Result } from '../changes/result.ts';
import { andThen } from '../changes/result.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { tooManyRequests } from '../http/limit-requests.ts';
import { answerProblem } from '../http/problem.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import { credibleExposures } from './client-exposures.ts';
import { decodeReport, keyInReport, readReportBytes } from './report-body.ts';
import { admitted, shed } from './report-shedding.ts';
import type { ReportIntake } from './reports.ts';

export interface ClientReportParts {
  readonly reports: ReportIntake;
  readonly delivery: Pick<Delivery, 'ruleset'>;
  readonly identify: Identify;
  readonly limiter: RateLimiter;
  readonly onLimited: (kind: 'key') => void;
}

/**
 * `POST /report`, to be mounted at `/client/v1`. It takes any media type, and the key from the body as well: a page
 * that is being left can send neither a preflight nor a header.
 */
export function clientReportRoutes(parts: ClientReportParts): Hono<HttpEnv> {
  return new Hono<HttpEnv>().post('/report', admitted(parts.reports), (c) => take(c, parts));
}

async function take(c: Context<HttpEnv>, parts: ClientReportParts): Promise<Response> {
  const { reports, delivery, identify, limiter, onLimited } = parts;
  const bytes = await readReportBytes(c.req.raw);
  await reports.turns.next();
  const key = await identify(c.req.header('authorization') ?? bearerIn(bytes), ['client']);
  if (!key.ok) return answerProblem(c, key.rejection);
  const seconds = limiter.take(key.value.id);
  if (seconds > 0) {
    onLimited('key');
    return tooManyRequests(c, 'key', seconds);
  }
  const report = andThen(bytes, decodeReport);
  if (!report.ok) {
    reports.metrics.observe('invalid');
    return answerProblem(c, report.rejection);
  }
  const environment = environmentOf(key.value);
  const { batch, instance } = report.value;
  const at = batch && (await delivery.ruleset(environment, 0));
  if (batch !== undefined && at !== undefined) {
    const exposures = credibleExposures(at.ruleset, batch.exposures);
    const told = { instance: instance.id, batch: { ...batch, exposures }, forwarded: false };
    if (reports.takeFromClient(environment, told) === 'full') return shed(c, reports.retryAfterSeconds());
  }
  return c.json({ now: reports.clock.now() }, 202, { 'cache-control': 'no-store' });
}

function bearerIn(bytes: Result<Uint8Array>): string | undefined {
  const key = bytes.ok ? keyInReport(bytes.value) : undefined;
  return key && `Bearer ${key}`;
}
