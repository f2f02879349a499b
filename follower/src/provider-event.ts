import type { FollowerStatus } from './state.ts';

/** The events by which an OpenFeature provider tells of its status. */
export type ProviderEvent = 'PROVIDER_READY' | 'PROVIDER_STALE' | 'PROVIDER_ERROR';

/**
 * What an OpenFeature provider tells when its follower comes into a state.
 *
 * @returns `undefined` where nothing is told: a stream that was lost a moment ago is not news yet.
 * @see https://openfeature.dev/specification/types#provider-events
 * @example providerEventOf('CACHED') // 'PROVIDER_STALE'
 */
export function providerEventOf(status: FollowerStatus): ProviderEvent | undefined {
  return EVENTS[status];
}

const EVENTS: { readonly [Status in FollowerStatus]?: ProviderEvent } = {
  LIVE: 'PROVIDER_READY',
  CACHED: 'PROVIDER_STALE',
  BOOTSTRAP: 'PROVIDER_STALE',
  STALE: 'PROVIDER_STALE',
  DEFAULTS: 'PROVIDER_ERROR',
  REFUSED: 'PROVIDER_ERROR',
};
