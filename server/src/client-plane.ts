import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { Identify } from './access/guard.ts';
import { requireSdkKey } from './access/guard.ts';
import type { KeyDirectory } from './access/key-directory.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { DeliveryEnv } from './delivery/delivery-env.ts';
import { registerClientMetrics } from './evaluation/client-metrics.ts';
import { clientRoutes } from './evaluation/client-routes.ts';
import { createSecureMode } from './evaluation/secure-mode.ts';
import { AddressShareWatch } from './http/address-share.ts';
import type { TrustedProxies } from './http/client-address.ts';
import { crossOrigin } from './http/cross-origin.ts';
import type { HttpEnv } from './http/http-env.ts';
import { addressOf, limitRequests } from './http/limit-requests.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import type { Clock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import { clientReportRoutes } from './reports/client-report-routes.ts';
import type { Reports } from './reports/reports.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage/storage.ts';

export interface ClientPlaneParts {
  readonly storage: Pick<Storage, 'read'>;
  readonly delivery: Delivery;
  readonly reports: Reports;
  readonly keys: KeyDirectory;
  readonly identify: Identify;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Registry;
  readonly settings: Pick<Settings, 'corsOrigins' | 'clientRequestsPerSecond' | 'clientKeyRequestsPerSecond'>;
  readonly proxies: TrustedProxies;
}

/** Everything that a client key opens, to be mounted at `/client/v1`: who may ask, how often, and what. */
export function clientPlane(parts: ClientPlaneParts): Hono<HttpEnv> {
  const { settings, clock, log, identify, proxies } = parts;
  const watch = new AddressShareWatch(clock, (share) =>
    log.warn(
      { share },
      'nearly all requests of client keys come from one address: name the proxies in front',
    ),
  );
  const metrics = registerClientMetrics(parts.metrics, () => watch.share);
  const byAddress = createRateLimiter(rateOf(settings.clientRequestsPerSecond), clock);
  const byKey = createRateLimiter(rateOf(settings.clientKeyRequestsPerSecond), clock);
  const onLimited = metrics.limited;

  const values = new Hono<DeliveryEnv>()
    .use(requireSdkKey(identify, 'client'))
    .use(limitRequests<DeliveryEnv>('key', byKey, (c) => c.get('keyId'), { onLimited }))
    .route(
      '/',
      clientRoutes({
        delivery: parts.delivery,
        secureMode: createSecureMode(parts),
        onEvaluated: metrics.addEvaluations,
      }),
    );
  return new Hono<HttpEnv>()
    .use(crossOrigin(settings.corsOrigins))
    .use(
      limitRequests('address', byAddress, addressOf(proxies), {
        onRequest: (address) => watch.count(address),
        onLimited,
      }),
    )
    .route('/', clientReportRoutes({ ...parts, limiter: byKey, onLimited }))
    .route('/', values);
}

/** What comes at once may be twice what comes in a second. */
function rateOf(perSecond: number): { readonly perSecond: number; readonly burst: number } {
  return { perSecond, burst: 2 * perSecond };
}
