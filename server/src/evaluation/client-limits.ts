import type { Context } from 'hono';
import type { Registry } from 'prom-client';
import { AddressShareWatch } from '../http/address-share.ts';
import type { TrustedProxies } from '../http/client-address.ts';
import type { HttpEnv } from '../http/http-env.ts';
import { addressOf } from '../http/limit-requests.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import { createRateLimiter } from '../http/rate-limit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Settings } from '../settings/settings.ts';
import type { ClientMetrics } from './client-metrics.ts';
import { registerClientMetrics } from './client-metrics.ts';

export interface ClientLimitsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Registry;
  readonly settings: Pick<Settings, 'clientRequestsPerSecond' | 'clientKeyRequestsPerSecond'>;
  readonly proxies: TrustedProxies;
}

/** How often client keys may be used, whatever protocol they are used with. */
export interface ClientLimits {
  readonly byAddress: RateLimiter;
  readonly byKey: RateLimiter;
  readonly addressOf: (c: Context<HttpEnv>) => string;
  /** Notes an address, to find out whether nearly all share one. */
  readonly countAddress: (address: string) => void;
  readonly metrics: ClientMetrics;
}

/** @example const limits = createClientLimits({ clock, log, metrics, settings, proxies }); */
export function createClientLimits(parts: ClientLimitsParts): ClientLimits {
  const { settings, clock, log, proxies } = parts;
  const watch = new AddressShareWatch(clock, (share) =>
    log.warn(
      { share },
      'nearly all requests of client keys come from one address: name the proxies in front',
    ),
  );
  return {
    byAddress: createRateLimiter(rateOf(settings.clientRequestsPerSecond), clock),
    byKey: createRateLimiter(rateOf(settings.clientKeyRequestsPerSecond), clock),
    addressOf: addressOf(proxies),
    countAddress: (address) => watch.count(address),
    metrics: registerClientMetrics(parts.metrics, () => watch.share),
  };
}

/** What comes at once may be twice what comes in a second. */
function rateOf(perSecond: number): { readonly perSecond: number; readonly burst: number } {
  return { perSecond, burst: 2 * perSecond };
}
