import type { ReportBundleInput } from '@dimmer/schema/rest';
import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { andThen } from '../changes/result.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { answerProblem } from '../http/problem.ts';
import { decodeForwarded, decodeReportBody, readReportBytes } from './report-body.ts';
import { admitted, shed } from './report-shedding.ts';
import type { ReportIntake } from './reports.ts';

/**
 * `POST /report`, to be mounted at `/sdk/v1`. A busy server refuses it before it looks at key or body.
 *
 * @param authenticateServerKey - Refuses a request, or sets `environment`.
 */
export function reportRoutes(
  reports: ReportIntake,
  authenticateServerKey: MiddlewareHandler<DeliveryEnv>,
): Hono<DeliveryEnv> {
  return new Hono<DeliveryEnv>().post('/report', admitted(reports), authenticateServerKey, (c) =>
    take(c, reports),
  );
}

async function take(c: Context<DeliveryEnv>, reports: ReportIntake): Promise<Response> {
  const bytes = await readReportBytes(c.req.raw);
  await reports.turns.next();
  const body = andThen(bytes, decodeReportBody);
  if (!body.ok) {
    reports.metrics.observe('invalid');
    return answerProblem(c, body.rejection);
  }
  const environment = c.get('environment');
  const isTaken =
    body.value.form === 'bundle'
      ? await takeBundle(environment, body.value.bundle, reports)
      : reports.take(environment, body.value.told) !== 'full';
  if (!isTaken) return shed(c, reports.retryAfterSeconds());
  return c.json({ now: reports.clock.now() }, 202, { 'cache-control': 'no-store' });
}

/** @returns Whether there is room for all of it: its relay keeps it otherwise. */
async function takeBundle(
  environment: EnvironmentRef,
  bundle: ReportBundleInput,
  reports: ReportIntake,
): Promise<boolean> {
  const giveBack = reports.roomForBundle();
  if (giveBack === undefined) return false;
  try {
    await takeWhole(environment, bundle, reports);
  } finally {
    giveBack();
  }
  return true;
}

/** What a relay hands on: each report in a turn of its own, as if it had come by itself. */
async function takeWhole(
  environment: EnvironmentRef,
  { id, reports: entries, clients, connected }: ReportBundleInput,
  reports: ReportIntake,
): Promise<void> {
  if (reports.isRepeated(id)) return reports.metrics.observe('repeated');
  reports.takeConnected(environment, connected);
  for (const entry of entries) {
    await reports.turns.next();
    const told = decodeForwarded(entry);
    if (told === undefined) reports.metrics.observe('invalid');
    else reports.take(environment, told);
  }
  for (const { instance, batch } of clients) {
    await reports.turns.next();
    reports.takeFromClient(environment, { instance, batch, forwarded: true });
  }
}
