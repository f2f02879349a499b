import { Hono } from 'hono';
import type { Identify } from './access/guard.ts';
import { requireSdkKey } from './access/guard.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { DeliveryEnv } from './delivery/delivery-env.ts';
import type { ClientLimits } from './evaluation/client-limits.ts';
import { clientRoutes } from './evaluation/client-routes.ts';
import type { SecureMode } from './evaluation/secure-mode.ts';
import { crossOrigin } from './http/cross-origin.ts';
import type { HttpEnv } from './http/http-env.ts';
import { limitRequests } from './http/limit-requests.ts';
import type { Clock } from './platform/clock.ts';
import type { Tracing } from './platform/tracing.ts';
import { clientReportRoutes } from './reports/client-report-routes.ts';
import type { ReportIntake } from './reports/reports.ts';
import type { Settings } from './settings/settings.ts';

export interface ClientPlaneParts {
  readonly delivery: Delivery;
  readonly reports: ReportIntake;
  readonly identify: Identify;
  readonly limits: ClientLimits;
  readonly secureMode: SecureMode;
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly settings: Pick<Settings, 'corsOrigins'>;
}

/** Everything that a client key opens, to be mounted at `/client/v1`: who may ask, how often, and what. */
export function clientPlane(parts: ClientPlaneParts): Hono<HttpEnv> {
  const { delivery, secureMode, tracing, settings, identify, limits } = parts;
  const { byAddress, byKey, metrics, addressOf, countAddress } = limits;
  const onLimited = metrics.limited;
  const values = new Hono<DeliveryEnv>()
    .use(requireSdkKey(identify, 'client'))
    .use(limitRequests<DeliveryEnv>('key', byKey, (c) => c.get('keyId'), { onLimited }))
    .route('/', clientRoutes({ delivery, secureMode, tracing, onEvaluated: metrics.addEvaluations }));
  return new Hono<HttpEnv>()
    .use(crossOrigin(settings.corsOrigins))
    .use(limitRequests('address', byAddress, addressOf, { onRequest: countAddress, onLimited }))
    .route('/', clientReportRoutes({ ...parts, limiter: byKey, onLimited }))
    .route('/', values);
}
