import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import type { Clock } from '../platform/clock.ts';
import type { RelayedEnvironment } from './relayed-environment.ts';

/** What a relay tells of itself beside what a server does. */
export function registerRelayMetrics(
  registry: Registry,
  environments: readonly RelayedEnvironment[],
  clock: Clock,
): void {
  const gauge = (
    name: string,
    help: string,
    read: (followed: RelayedEnvironment) => number | undefined,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: ['project', 'environment'],
      registers: [registry],
      collect() {
        for (const followed of environments) {
          const value = read(followed);
          if (followed.environment !== undefined && value !== undefined) {
            this.set({ ...followed.environment }, value);
          }
        }
      },
    });
  };
  gauge(
    'dimmer_relay_live',
    '1 while the copy of an environment is in step with the upstream, else 0.',
    ({ status }) => (status === 'LIVE' ? 1 : 0),
  );
  gauge(
    'dimmer_relay_copy_age_seconds',
    'How long ago the copy of an environment was last known to be the newest.',
    ({ confirmedAt }) =>
      confirmedAt === undefined ? undefined : Math.max(0, clock.now() - confirmedAt) / 1000,
  );
}
