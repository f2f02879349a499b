import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { identifyBy, requireAdminKey, requireSdkKey } from './access/guard.ts';
import { createKeyDirectory } from './access/key-directory.ts';
import { keyRoutes } from './access/key-routes.ts';
import { auditRoutes } from './changes/audit-routes.ts';
import { changeRoutes } from './changes/change-routes.ts';
import { createDefinitionSizes } from './changes/definition-sizes.ts';
import { historyRoutes } from './changes/history-routes.ts';
import { revertRoutes } from './changes/revert-routes.ts';
import { createClientLimits } from './client-limits.ts';
import { clientPlane } from './client-plane.ts';
import type { Delivery } from './delivery/delivery.ts';
import { createDelivery } from './delivery/delivery.ts';
import { deliveryRoutes } from './delivery/delivery-routes.ts';
import { environmentRoutes } from './environments/environment-routes.ts';
import { projectRoutes } from './environments/project-routes.ts';
import { explainRoutes } from './evaluation/explain-routes.ts';
import { createSecureMode } from './evaluation/secure-mode.ts';
import { configurationRoutes } from './flags/configuration-routes.ts';
import { flagRoutes } from './flags/flag-routes.ts';
import { killRoutes } from './flags/kill-routes.ts';
import { trustedProxies } from './http/client-address.ts';
import { crossOrigin } from './http/cross-origin.ts';
import { answerFault } from './http/fault.ts';
import { singleFlight } from './http/idempotency.ts';
import { answerNotFound } from './http/not-found.ts';
import type { Operations } from './http/operations-routes.ts';
import { operationsRoutes } from './http/operations-routes.ts';
import { requestId, requestIds } from './http/request-id.ts';
import { requestLog } from './http/request-log.ts';
import type { Live } from './live/live.ts';
import { createLive } from './live/live.ts';
import { liveRoutes } from './live/live-routes.ts';
import { encodedAnswers } from './ofrep/encoded-answers.ts';
import { ofrepRoutes } from './ofrep/ofrep-routes.ts';
import { QUICK_REQUEST, quickFlag } from './ofrep/quick-flag.ts';
import { startPeriodicWork } from './periodic-work.ts';
import type { Clock } from './platform/clock.ts';
import type { Fetch, Quick } from './platform/listen.ts';
import type { Log } from './platform/log.ts';
import { createHttpMetrics } from './platform/metrics.ts';
import type { Random } from './platform/random.ts';
import type { Schedule } from './platform/schedule.ts';
import { exposureRoutes } from './reports/exposure-routes.ts';
import { instanceRoutes } from './reports/instance-routes.ts';
import { reportRoutes } from './reports/report-routes.ts';
import type { Reports } from './reports/reports.ts';
import { createReports } from './reports/reports.ts';
import { watchStreams } from './reports/stream-presence.ts';
import { openApiDocument } from './rest/openapi.ts';
import type { RestEnv } from './rest/rest-env.ts';
import type { RestRoutes } from './rest/rest-route.ts';
import { restRoutes } from './rest/rest-route.ts';
import type { RestServices } from './rest/rest-services.ts';
import { segmentRoutes } from './segments/segment-routes.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage/storage.ts';

/** Everything that an application is composed of. */
export interface AppParts {
  readonly storage: Storage;
  readonly settings: Pick<
    Settings,
    | 'heartbeatMs'
    | 'streamAgeMs'
    | 'streamsMax'
    | 'streamsPerKeyMax'
    | 'streamsPerSecondMax'
    | 'clientStreamsShare'
    | 'historyRevisions'
    | 'historyDays'
    | 'exposureDays'
    | 'corsOrigins'
    | 'trustedProxies'
    | 'clientRequestsPerSecond'
    | 'clientKeyRequestsPerSecond'
    | 'metrics'
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Where every metric is registered. Default: a registry of the application's own. */
  readonly registry?: Registry;
  /** Of the server, for the OpenAPI document. */
  readonly version: string;
}

/** The server without its socket. */
export interface App {
  readonly fetch: Fetch;
  /** What it answers without a web framework, for a server with a socket. */
  readonly quick: Quick;
  /** The routes as they were declared, for whoever checks them. */
  readonly routes: RestRoutes;
  /** `/readyz` says 503 from now on. All else goes on. */
  unready(): void;
  /** Ends streams one by one over `spreadMs`, then does what `close` does. */
  drain(spreadMs: number): Promise<void>;
  /** Ends streams and periodic work. The storage stays open: whoever opened it closes it. */
  close(): Promise<void>;
}

/**
 * Composes the server. It reads no environment variable and opens no socket.
 *
 * @example const app = createApp({ storage, settings, clock, random, schedule, log, version: '0.1.0' });
 */
export function createApp(parts: AppParts): App {
  const { storage, settings, clock, random, schedule, log, version, registry = new Registry() } = parts;
  const keys = createKeyDirectory(storage);
  const services: RestServices = { storage, keys, clock, random, sizes: createDefinitionSizes() };
  const delivery = createDelivery({
    storage,
    clock,
    schedule,
    random,
    log,
    metrics: registry,
    heartbeatMs: settings.heartbeatMs,
    streamAgeMs: settings.streamAgeMs,
    limits: settings,
  });
  const reports = createReports({ ...parts, metrics: registry, keptDays: settings.exposureDays });
  const live = createLive({
    ...parts,
    registry: reports.registry,
    metrics: registry,
    heartbeatMs: settings.heartbeatMs,
    streamAgeMs: settings.streamAgeMs,
  });
  const identify = identifyBy(keys, clock);

  const routes = restRoutes();
  const newId = requestIds(random);
  const httpMetrics = createHttpMetrics(registry);
  routes.use(requestId(newId));
  routes.use(requestLog(log, httpMetrics, clock));
  routes.onError(answerFault(log));
  routes.notFound(answerNotFound(routes));
  routes.use('/api/v1/*', requireAdminKey(identify));
  routes.use(
    '/api/v1/*',
    singleFlight<RestEnv>((c) => c.get('key').id),
  );
  for (const capability of capabilitiesOf(services, delivery, reports, live)) routes.route('/', capability);
  routes.use('/sdk/v1/stream', watchStreams(reports.registry));
  routes.route('/sdk/v1', reportRoutes(reports, requireSdkKey(identify, 'server')));
  routes.route('/sdk/v1', deliveryRoutes(delivery, requireSdkKey(identify, 'server')));
  const proxies = trustedProxies(settings.trustedProxies);
  assert(proxies !== undefined, 'settings.trustedProxies holds what is no CIDR block');
  const limits = createClientLimits({ ...parts, metrics: registry, proxies });
  const secureMode = createSecureMode({ ...parts, keys });
  routes.route('/client/v1', clientPlane({ ...parts, delivery, reports, identify, limits, secureMode }));
  const encode = encodedAnswers();
  routes.use('/ofrep/v1/*', crossOrigin(settings.corsOrigins));
  routes.route('/ofrep/v1', ofrepRoutes({ ...parts, delivery, keys, identify, limits, secureMode, encode }));
  routes.route('/', operationsRoutes(operationsOf(delivery, settings.metrics ? registry : undefined)));
  const document = JSON.stringify(openApiDocument(routes, version));
  routes.get('/openapi.json', (c) => c.body(document, 200, { 'content-type': 'application/json' }));

  const endUnsignedStreams = (): Promise<void> => delivery.revokeUnsigned(secureMode.isOn);
  const work = startPeriodicWork({ ...parts, keys, keepers: [delivery, live], endUnsignedStreams });
  return {
    fetch: (request, bindings) => routes.fetch(request, bindings),
    quick: quickFlag({
      identify,
      delivery,
      encode,
      newId,
      now: () => clock.now(),
      onAnswered: (requestId, durationMs) => {
        httpMetrics.observe(QUICK_REQUEST, durationMs);
        log.debug({ requestId, ...QUICK_REQUEST, durationMs }, 'answered');
      },
    }),
    routes,
    unready: () => delivery.unready(),
    drain: async (spreadMs) => {
      await Promise.all([delivery.drain(spreadMs), live.drain(spreadMs)]);
      // Streams are told first: what SDKs still report on their way out is kept.
      await Promise.all([work.stop(), reports.close()]);
    },
    close: async () => {
      await Promise.all([work.stop(), delivery.close(), live.close(), reports.close()]);
    },
  };
}

function capabilitiesOf(
  services: RestServices,
  delivery: Delivery,
  reports: Reports,
  live: Live,
): RestRoutes[] {
  return [
    projectRoutes(services),
    environmentRoutes(services),
    flagRoutes(services),
    configurationRoutes(services),
    killRoutes(services, reports.receipts),
    explainRoutes(services, delivery),
    changeRoutes(services),
    revertRoutes(services),
    historyRoutes(services),
    liveRoutes(live),
    instanceRoutes(services, reports),
    exposureRoutes(services),
    segmentRoutes(services),
    keyRoutes(services),
    auditRoutes(services),
  ];
}

function operationsOf(delivery: Delivery, metrics: Registry | undefined): Operations {
  return {
    ready: () => delivery.ready(),
    databaseAgeMs: () => delivery.databaseAgeMs(),
    ...(metrics !== undefined && { metrics }),
  };
}
