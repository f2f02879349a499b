import type { HeldKillsView } from '@dimmer/schema/rest';
import type { Delivery } from '../delivery/delivery.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { HeldKills } from './held-kills.ts';

/** What a process holds of an environment, as it is answered. */
export function heldView(
  { project, environment }: EnvironmentRef,
  held: HeldKills,
  delivery: Pick<Delivery, 'streams'>,
  host: string,
): HeldKillsView {
  const ref = { project, environment };
  const items = held.of(ref).map(({ flag, kill }) => ({ flag, ...kill }));
  return { server: host, streams: delivery.streams(ref), items };
}
