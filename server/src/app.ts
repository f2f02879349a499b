import { Registry } from 'prom-client';
import { environmentsOpenedBy } from './access/authenticate.ts';
import { environmentKeyRoutes } from './access/environment-key-routes.ts';
import { identifyBy, requireAdminKey, requireSdkKey } from './access/guard.ts';
import { createKeyDirectory } from './access/key-directory.ts';
import { keyRoutes } from './access/key-routes.ts';
import { startRevocation } from './access/revocation.ts';
import type { BreakGlass } from './break-glass/break-glass.ts';
import { createBreakGlass } from './break-glass/break-glass.ts';
import { createHeldFile, notKept } from './break-glass/held-file.ts';
import { HeldKills } from './break-glass/held-kills.ts';
import { registerHeldMetrics } from './break-glass/held-metrics.ts';
import { heldRoutes } from './break-glass/held-routes.ts';
import type { SettleHeld, SettleHeldPorts } from './break-glass/settle-held.ts';
import { settleInStorage } from './break-glass/settle-held.ts';
import { auditRoutes } from './changes/audit-routes.ts';
import { changeRoutes } from './changes/change-routes.ts';
import type { OnCommitted } from './changes/commit.ts';
import { registerCommits } from './changes/commit-metrics.ts';
import { createDefinitionSizes } from './changes/definition-sizes.ts';
import { historyRoutes } from './changes/history-routes.ts';
import { revertRoutes } from './changes/revert-routes.ts';
import type { DataPlaneSettings } from './data-plane.ts';
import { createDataPlane } from './data-plane.ts';
import type { Delivery } from './delivery/delivery.ts';
import { environmentRoutes } from './environments/environment-routes.ts';
import { registerLosses } from './environments/loss-metrics.ts';
import { renewWhereCommitsAreLost } from './environments/lost-commits.ts';
import { projectRoutes } from './environments/project-routes.ts';
import { explainRoutes } from './evaluation/explain-routes.ts';
import type { StoredSecureMode } from './evaluation/secure-mode.ts';
import { createSecureMode, storedSecureMode } from './evaluation/secure-mode.ts';
import { configurationRoutes } from './flags/configuration-routes.ts';
import { flagRoutes } from './flags/flag-routes.ts';
import { killRoutes } from './flags/kill-routes.ts';
import { createHttpFrame } from './http/http-frame.ts';
import { singleFlight } from './http/idempotency.ts';
import type { Operations } from './http/operations-routes.ts';
import { operationsRoutes } from './http/operations-routes.ts';
import type { Service } from './http/service.ts';
import type { Live } from './live/live.ts';
import { createLive } from './live/live.ts';
import { liveRoutes } from './live/live-routes.ts';
import type { Clock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import type { Random } from './platform/random.ts';
import type { Schedule } from './platform/schedule.ts';
import type { Tracing } from './platform/tracing.ts';
import { NO_TRACING } from './platform/tracing.ts';
import type { WorkMetrics } from './platform/work-metrics.ts';
import { createWorkMetrics } from './platform/work-metrics.ts';
import { registerReceiptMetrics } from './reports/applied-metrics.ts';
import { exposureRoutes } from './reports/exposure-routes.ts';
import { instanceRoutes } from './reports/instance-routes.ts';
import type { Reports } from './reports/reports.ts';
import { createReports } from './reports/reports.ts';
import { openApiDocument } from './rest/openapi.ts';
import type { RestEnv } from './rest/rest-env.ts';
import type { RestRoutes } from './rest/rest-route.ts';
import { restRoutes } from './rest/rest-route.ts';
import type { RestServices } from './rest/rest-services.ts';
import { segmentRoutes } from './segments/segment-routes.ts';
import { registerServerFacts } from './server-metrics.ts';
import type { Settings } from './settings/settings.ts';
import type { Storage } from './storage/storage.ts';
import { measured } from './storage/storage-metrics.ts';
import { traced } from './storage/traced-storage.ts';
import { startUpkeep } from './upkeep/upkeep.ts';

/** Everything that an application is composed of. */
export interface AppParts {
  readonly storage: Storage;
  readonly settings: DataPlaneSettings &
    Pick<Settings, 'historyRevisions' | 'historyDays' | 'exposureDays' | 'metrics'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Where every metric is registered. Default: a registry of the application's own. */
  readonly registry?: Registry;
  /** Default: no traces. */
  readonly tracing?: Tracing;
  /** Of the server, for the OpenAPI document. */
  readonly version: string;
  /** The host, by which people tell servers apart. */
  readonly host: string;
  /** The file in which kills are kept that are held while the database is away. Default: they end with the process. */
  readonly heldKillsFile?: string | undefined;
}

/** The server without its socket. The storage stays open when it closes: whoever opened it closes it. */
export interface App extends Service {
  /** Holds the kills that an earlier run has left, or commits them: to be called before anybody is served. */
  load(): Promise<void>;
  /** The routes as they were declared, for whoever checks them. */
  readonly routes: RestRoutes;
}

/**
 * Composes the server. It reads no environment variable and opens no socket.
 *
 * @example const app = createApp({ storage, settings, clock, random, schedule, log, version: '0.1.0', host: 'flags-1' });
 */
export function createApp(parts: AppParts): App {
  const ground = groundOf(parts);
  const { storage, settings, clock, version, metrics } = ground;
  const keys = createKeyDirectory({ storage, clock });
  const services: RestServices = { ...ground, keys, sizes: createDefinitionSizes() };
  const reports = createReports({ ...ground, keptDays: settings.exposureDays });
  const { heartbeatMs, streamAgeMs } = settings;
  const live = createLive({ ...ground, registry: reports.instances, heartbeatMs, streamAgeMs });
  const stored = storedSecureMode(ground);
  const secureMode = createSecureMode({ isOn: stored.isOn, keys, clock });
  const frame = createHttpFrame({
    ...ground,
    unavailable: 'The database does not answer, or not with what was asked for.',
  });
  const held = new HeldKills(ground.random);
  registerHeldMetrics(metrics, held);
  const plane = createDataPlane({
    ...ground,
    source: storage,
    holder: held,
    keys,
    secureMode,
    reports,
    frame,
    needed: async () => {
      const opened = environmentsOpenedBy(await keys.all(), clock.now());
      // Where it was never read, an outage of the database keeps every browser out.
      await stored.refresh();
      return opened;
    },
    onMoved: reports.moved,
  });
  const { delivery } = plane;
  const { settle, breakGlass, load } = breakGlassOf({ ...services, ...ground, held, delivery });
  registerReceiptMetrics(metrics, {
    environments: () => delivery.environments(),
    present: (environment) => reports.instances.present(environment),
    clock,
  });
  const identify = identifyBy(keys, clock);

  const routes = restRoutes();
  frame.mount(routes);
  routes.use('/api/v1/*', requireAdminKey(identify));
  routes.use(
    '/api/v1/*',
    singleFlight<RestEnv>((c) => c.get('key').id),
  );
  const capabilities = capabilitiesOf({ services, delivery, reports, live, breakGlass, secureMode: stored });
  for (const capability of capabilities) routes.route('/', capability);
  routes.route('/', heldRoutes({ held, delivery, settle, host: parts.host, clock }));
  plane.mount(routes);
  routes.route('/sdk/v1', environmentKeyRoutes({ keys, secureMode }, requireSdkKey(identify, 'server')));
  routes.route('/', operationsRoutes(operationsOf(delivery, held, settings.metrics ? metrics : undefined)));
  const document = JSON.stringify(openApiDocument(routes, version));
  routes.get('/openapi.json', (c) => c.body(document, 200, { 'content-type': 'application/json' }));

  const endUnsignedStreams = (): Promise<void> => delivery.revokeUnsigned(secureMode.isOn);
  const revocation = startRevocation({ ...ground, keys, keepers: [delivery, live], endUnsignedStreams });
  const upkeep = startUpkeep(ground);
  const stopRenewing = renewWhereCommitsAreLost({ ...ground, onRenewed: registerLosses(metrics) });
  const endWork = async (): Promise<void> => {
    stopRenewing();
    await Promise.all([revocation.stop(), upkeep.stop(), reports.close(), breakGlass.close()]);
  };
  return {
    fetch: (request, bindings) => routes.fetch(request, bindings),
    quick: plane.quick,
    routes,
    load,
    unready: () => delivery.unready(),
    drain: async (spreadMs) => {
      await Promise.all([delivery.drain(spreadMs), live.drain(spreadMs)]);
      // Streams are told first: what SDKs still report on their way out is kept.
      await endWork();
    },
    close: async () => {
      await Promise.all([delivery.close(), live.close(), endWork()]);
    },
  };
}

/** What everything in the server stands on: the storage is measured, and metrics have a registry. */
interface Ground extends AppParts {
  readonly metrics: Registry;
  readonly tracing: Tracing;
  /** Of this process among the servers of the database: another one with every start. */
  readonly serverId: string;
  readonly work: WorkMetrics;
  readonly onCommitted: OnCommitted;
}

function groundOf(parts: AppParts): Ground {
  const { clock, random, version, host, registry: metrics = new Registry(), tracing = NO_TRACING } = parts;
  registerServerFacts(metrics, { version, startedAt: clock.now() });
  return {
    ...parts,
    storage: measured(traced(parts.storage, tracing), metrics),
    metrics,
    tracing,
    serverId: `${host}-${process.pid}-${Buffer.from(random.bytes(6)).toString('hex')}`,
    work: createWorkMetrics(metrics, clock),
    onCommitted: registerCommits(metrics),
  };
}

interface BreakGlassParts extends Ground {
  readonly sizes: SettleHeldPorts['sizes'];
  readonly held: HeldKills;
  readonly delivery: Delivery;
}

function breakGlassOf({ heldKillsFile: path, ...ports }: BreakGlassParts): {
  readonly settle: SettleHeld;
  readonly breakGlass: BreakGlass;
  readonly load: App['load'];
} {
  const settle = settleInStorage(ports);
  const file = path === undefined ? notKept(ports.log) : createHeldFile({ ...ports, path, secret: '' });
  const breakGlass = createBreakGlass({ ...ports, home: 'database', settle, file });
  return {
    settle,
    breakGlass,
    load: async () => {
      await file.load();
      await breakGlass.reconcile();
    },
  };
}

function capabilitiesOf(parts: {
  readonly services: RestServices;
  readonly delivery: Delivery;
  readonly reports: Reports;
  readonly live: Live;
  readonly breakGlass: BreakGlass;
  readonly secureMode: StoredSecureMode;
}): RestRoutes[] {
  const { services, delivery, reports, live, breakGlass, secureMode } = parts;
  return [
    projectRoutes(services),
    environmentRoutes(services, secureMode),
    flagRoutes(services),
    configurationRoutes(services),
    killRoutes(services, { receipts: reports.receipts, shownIn: (ref) => delivery.known(ref) }, breakGlass),
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

function operationsOf(delivery: Delivery, held: HeldKills, metrics: Registry | undefined): Operations {
  return {
    lacks: () => delivery.lacks(),
    databaseAgeMs: () => delivery.databaseAgeMs(),
    heldKills: () => held.count,
    readersAhead: () => delivery.readersAhead(),
    ...(metrics !== undefined && { metrics }),
  };
}
