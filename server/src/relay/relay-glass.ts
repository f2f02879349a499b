import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { createBreakGlass } from '../break-glass/break-glass.ts';
import { createHeldFile } from '../break-glass/held-file.ts';
import { HeldKills } from '../break-glass/held-kills.ts';
import { registerHeldMetrics } from '../break-glass/held-metrics.ts';
import { heldListRoutes } from '../break-glass/held-routes.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { relayGlassRoutes } from './relay-glass-routes.ts';
import { upstreamKills } from './upstream-kills.ts';

/** How the glass may be broken at a relay. */
export interface RelayGlassSetting {
  /** The key that it takes; left out: it cannot be broken. */
  readonly secret: string | undefined;
  /** Where what is held is kept. */
  readonly folder: string;
  readonly fetch: typeof globalThis.fetch;
}

export interface RelayGlassPorts {
  readonly upstreamUrl: URL;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly registry: Registry;
}

/** Kills that a relay holds while its upstream is away. */
export interface RelayGlass {
  readonly held: HeldKills;
  /** Holds what an earlier run has left: to be called before any environment is served. */
  load(): Promise<void>;
  /** Begins to take kills. */
  open(delivery: Delivery): { readonly routes: RestRoutes | undefined; close(): Promise<void> };
}

/**
 * Makes the glass of a relay. Without a key it cannot be broken.
 *
 * @example createRelayGlass({ secret: 'dim_adm_…', folder: './data/relay', fetch }, ports)
 */
export function createRelayGlass(
  { secret, folder, fetch }: RelayGlassSetting,
  ports: RelayGlassPorts,
): RelayGlass {
  const { upstreamUrl, name, registry } = ports;
  const held = new HeldKills(ports.random);
  registerHeldMetrics(registry, held);
  if (secret === undefined) {
    const nothing = (): Promise<void> => Promise.resolve();
    return { held, load: nothing, open: () => ({ routes: undefined, close: nothing }) };
  }
  const path = join(folder, 'relay-held-kills.json');
  const file = createHeldFile({ ...ports, path, secret, held });
  const upstream = upstreamKills({ url: upstreamUrl, key: secret, fetch, clock: ports.clock });
  return {
    held,
    load: () => file.load(),
    open: (delivery) => {
      const { settle } = upstream;
      const common = { ...ports, held, delivery, host: name };
      const breakGlass = createBreakGlass({ ...common, home: 'upstream', settle, file });
      return {
        routes: relayGlassRoutes({ ...common, secret, breakGlass, upstream }).route(
          '/',
          heldListRoutes(common),
        ),
        close: () => breakGlass.close(),
      };
    },
  };
}
