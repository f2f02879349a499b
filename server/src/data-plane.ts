import assert from 'node:assert/strict';
import type { Hono } from 'hono';
import type { Registry } from 'prom-client';
import { identifyBy, requireSdkKey } from './access/guard.ts';
import type { KeyDirectory } from './access/key-directory.ts';
import { clientPlane } from './client-plane.ts';
import type { Delivery, DeliveryOptions } from './delivery/delivery.ts';
import { createDelivery } from './delivery/delivery.ts';
import { deliveryRoutes } from './delivery/delivery-routes.ts';
import type { DeliverySource } from './delivery/delivery-source.ts';
import type { Holder } from './delivery/shown-copy.ts';
import { createClientLimits } from './evaluation/client-limits.ts';
import type { SecureMode } from './evaluation/secure-mode.ts';
import { trustedProxies } from './http/client-address.ts';
import { crossOrigin } from './http/cross-origin.ts';
import type { HttpEnv } from './http/http-env.ts';
import type { HttpFrame } from './http/http-frame.ts';
import { encodedAnswers } from './ofrep/encoded-answers.ts';
import { ofrepRoutes } from './ofrep/ofrep-routes.ts';
import { QUICK_REQUEST, quickFlag } from './ofrep/quick-flag.ts';
import type { Clock } from './platform/clock.ts';
import type { Quick } from './platform/listen.ts';
import type { Log } from './platform/log.ts';
import type { Random } from './platform/random.ts';
import type { Schedule } from './platform/schedule.ts';
import type { Tracing } from './platform/tracing.ts';
import { reportRoutes } from './reports/report-routes.ts';
import type { ReportIntake } from './reports/reports.ts';
import { watchStreams } from './reports/stream-presence.ts';
import type { Settings } from './settings/settings.ts';

/** What the data plane is set to. */
export type DataPlaneSettings = Pick<
  Settings,
  | 'heartbeatMs'
  | 'streamAgeMs'
  | 'streamsMax'
  | 'streamsPerKeyMax'
  | 'streamsPerSecondMax'
  | 'clientStreamsShare'
  | 'corsOrigins'
  | 'trustedProxies'
  | 'clientRequestsPerSecond'
  | 'clientKeyRequestsPerSecond'
>;

export interface DataPlaneParts {
  /** Where environments come from: a storage, or the copies of a relay. */
  readonly source: DeliverySource;
  readonly keys: KeyDirectory;
  readonly secureMode: SecureMode;
  readonly reports: ReportIntake;
  readonly settings: DataPlaneSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracing: Tracing;
  readonly frame: HttpFrame;
  /** Who holds kills over environments. Default: nobody does. */
  readonly holder?: Holder;
  /** Which environments are loaded before anybody asks. Default: none. */
  readonly needed?: DeliveryOptions['needed'];
  /** Told of every environment that has reached a revision. */
  readonly onMoved?: DeliveryOptions['onMoved'];
}

/** Everything that SDKs speak to, whoever serves it. */
export interface DataPlane {
  readonly delivery: Delivery;
  /** What is answered without a web framework. */
  readonly quick: Quick;
  /** Adds `/sdk/v1`, `/client/v1` and `/ofrep/v1`. */
  mount<E extends HttpEnv>(routes: Hono<E>): void;
}

/** @example createDataPlane({ source: storage, keys, secureMode, reports, settings, ... }).mount(routes) */
export function createDataPlane(parts: DataPlaneParts): DataPlane {
  const { source, keys, reports, settings, clock, log, frame, tracing } = parts;
  const delivery = createDelivery({
    ...parts,
    storage: source,
    heartbeatMs: settings.heartbeatMs,
    streamAgeMs: settings.streamAgeMs,
    limits: settings,
  });
  const identify = identifyBy(keys, clock);
  const proxies = trustedProxies(settings.trustedProxies);
  assert(proxies !== undefined, 'settings.trustedProxies holds what is no CIDR block');
  const limits = createClientLimits({ ...parts, proxies });
  const encode = encodedAnswers();
  const services = { ...parts, delivery, identify, limits, encode };
  return {
    delivery,
    mount: (routes) => {
      const serverKey = requireSdkKey(identify, 'server');
      routes.use('/sdk/v1/stream', watchStreams(reports.registry));
      routes.route('/sdk/v1', reportRoutes(reports, serverKey));
      routes.route('/sdk/v1', deliveryRoutes(delivery, serverKey));
      routes.route('/client/v1', clientPlane(services));
      routes.use('/ofrep/v1/*', crossOrigin(settings.corsOrigins));
      routes.route('/ofrep/v1', ofrepRoutes(services));
    },
    quick: quickFlag({
      identify,
      delivery,
      encode,
      newId: frame.newId,
      isTraced: tracing.isSampled,
      now: () => clock.now(),
      onAnswered: (requestId, durationMs) => {
        frame.metrics.observe(QUICK_REQUEST, durationMs);
        log.debug({ requestId, ...QUICK_REQUEST, durationMs }, 'answered');
      },
    }),
  };
}
