import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import { answerKeys } from '../access/environment-key-routes.ts';
import { identifyBy, requireSdkKey } from '../access/guard.ts';
import { startRevocation } from '../access/revocation.ts';
import type { DataPlaneSettings } from '../data-plane.ts';
import { createDataPlane } from '../data-plane.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import { createSecureMode } from '../evaluation/secure-mode.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { createHttpFrame } from '../http/http-frame.ts';
import { operationsRoutes } from '../http/operations-routes.ts';
import { answerProblem } from '../http/problem.ts';
import type { Service } from '../http/service.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import { createWorkMetrics } from '../platform/work-metrics.ts';
import { registerServerFacts } from '../server-metrics.ts';
import { StorageFault } from '../storage/storage.ts';
import type { RelayGlassSetting } from './relay-glass.ts';
import { createRelayGlass } from './relay-glass.ts';
import { createRelayKeys, listOf } from './relay-keys.ts';
import { registerRelayMetrics } from './relay-metrics.ts';
import { RelaySource } from './relay-source.ts';
import type { RelayedEnvironment } from './relayed-environment.ts';
import { createReportForwarding } from './report-forwarding.ts';
import { reportSender } from './report-sender.ts';

export interface RelayAppParts {
  /** Makes the environments that are followed. They are started by whoever made them. */
  readonly follow: (onMoved: (moved: RelayedEnvironment) => void) => readonly RelayedEnvironment[];
  readonly upstreamUrl: URL;
  readonly glass: RelayGlassSetting;
  readonly name: string;
  readonly settings: DataPlaneSettings & { readonly metrics: boolean };
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly registry: Registry;
  readonly tracing: Tracing;
  readonly version: string;
}

/** A relay without its socket. */
export interface RelayApp extends Service {
  /** Holds the kills that an earlier run held: to be called before environments are started. */
  load(): Promise<void>;
  readonly environments: readonly RelayedEnvironment[];
}

/** Composes a relay: the data plane of a server, over copies that are followed elsewhere. */
export function createRelayApp(parts: RelayAppParts): RelayApp {
  const { settings, name, clock, registry } = parts;
  registerServerFacts(registry, { version: parts.version, startedAt: clock.now() });
  const followed: readonly RelayedEnvironment[] = parts.follow((moved) => {
    source.announce(moved);
    void loadOnce(moved);
  });
  const source = new RelaySource(() => followed);
  const keys = createRelayKeys(followed.map((one) => one.keys));
  const secureMode = createSecureMode({ isOn: keys.isSecure, keys: keys.signers, clock });
  const reports = createReportForwarding({
    ...parts,
    name,
    metrics: registry,
    senderOf: (environment) => {
      const one = listOf(followed, environment);
      return one && reportSender(one.upstream);
    },
  });
  const frame = createHttpFrame({
    ...parts,
    metrics: registry,
    unavailable: 'The upstream does not answer, and the relay does not know enough without it.',
  });
  const glass = createRelayGlass(parts.glass, parts);
  const plane = createDataPlane({
    ...parts,
    holder: glass.held,
    source,
    keys,
    secureMode,
    reports,
    metrics: registry,
    frame,
  });
  const { delivery } = plane;
  const taking = glass.open(delivery);
  const loadOnce = loader(delivery);
  registerRelayMetrics(registry, followed, clock);

  const routes = new Hono<HttpEnv>();
  frame.mount(routes);
  if (taking.routes !== undefined) routes.route('/', taking.routes);
  routes.all('/api/v1/*', (c) =>
    answerProblem(c, {
      code: 'ROUTE_NOT_FOUND',
      detail: 'This is a relay: it serves SDKs, and nothing is administered here.',
      remedy: `Ask ${parts.upstreamUrl.href}.`,
    }),
  );
  plane.mount(routes);
  routes.route('/sdk/v1', keyRoutes(followed, requireSdkKey(identifyBy(keys, clock), 'server')));
  routes.route(
    '/',
    operationsRoutes({
      lacks: () => delivery.lacks() ?? whatLacks(followed),
      databaseAgeMs: () => greatestAge(followed, clock.now()),
      heldKills: () => glass.held.count,
      standing: () => standingOf(followed),
      ...(settings.metrics && { metrics: registry }),
    }),
  );
  const endUnsignedStreams = (): Promise<void> => delivery.revokeUnsigned(secureMode.isOn);
  const work = createWorkMetrics(registry, clock);
  const revocation = startRevocation({ ...parts, work, keys, keepers: [delivery], endUnsignedStreams });
  const end = async (endStreams: () => Promise<void>): Promise<void> => {
    await endStreams();
    // Streams are told first: what SDKs still report on their way out is handed on.
    const closing = followed.map((one) => one.close());
    await Promise.all([revocation.stop(), reports.close(), taking.close(), ...closing]);
  };
  return {
    environments: followed,
    load: () => glass.load(),
    fetch: (request, bindings) => routes.fetch(request, bindings),
    quick: plane.quick,
    unready: () => delivery.unready(),
    drain: (spreadMs) => end(() => delivery.drain(spreadMs)),
    close: () => end(() => delivery.close()),
  };
}

/**
 * Lets delivery read an environment as soon as there is something to read: from then on it knows what was removed, and
 * an SDK that comes back later is brought forward instead of being sent everything.
 */
function loader(delivery: Delivery): (moved: RelayedEnvironment) => Promise<void> {
  const loaded = new WeakSet<RelayedEnvironment>();
  return async (moved) => {
    const { environment } = moved;
    if (!moved.isComplete || environment === undefined || loaded.has(moved)) return;
    loaded.add(moved);
    await delivery.ruleset(environment, 0).catch(() => loaded.delete(moved));
  };
}

/** `GET /keys` of a relay: what its upstream told it, for relays behind it. */
function keyRoutes(
  followed: readonly RelayedEnvironment[],
  authenticateServerKey: ReturnType<typeof requireSdkKey>,
): Hono<DeliveryEnv> {
  return new Hono<DeliveryEnv>().get('/keys', authenticateServerKey, (c) => {
    const list = listOf(followed, c.get('environment'))?.keys;
    // Passed on in doubt, an old list would look like a new one to whoever asks.
    if (list?.keys === undefined || !list.isFresh) {
      throw new StorageFault('unavailable', 'The upstream does not say which keys there are.');
    }
    return answerKeys(c, list.keys);
  });
}

function standingOf(followed: readonly RelayedEnvironment[]): Readonly<Record<string, string>> {
  const lagging = followed.find(({ status }) => status !== 'LIVE');
  return lagging === undefined ? { upstream: 'LIVE' } : { status: 'stale', upstream: lagging.status };
}

function whatLacks(followed: readonly RelayedEnvironment[]): string | undefined {
  const complete = followed.filter(({ isComplete }) => isComplete).length;
  if (complete === followed.length) return undefined;
  return `The relay reads what SDKs may ask for: ${complete} of ${followed.length} environments are there with their keys.`;
}

function greatestAge(followed: readonly RelayedEnvironment[], now: number): number {
  return Math.max(0, ...followed.map(({ confirmedAt = now }) => now - confirmedAt));
}
