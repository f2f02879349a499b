import { HeldKillsView } from '@dimmer/schema/rest';
import { accepted } from '../changes/result.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { answerView } from '../http/answer.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { HeldKills } from './held-kills.ts';

const listing = restRoute({
  method: 'get',
  path: '/api/v1/projects/{project}/environments/{environment}/held-kills',
  tag: 'Kills',
  summary: 'The kills that this server holds while the database is away. It asks no database.',
  answer: [200, HeldKillsView],
});

/** What this server holds. */
export function heldRoutes(held: HeldKills, delivery: Pick<Delivery, 'streams'>, host: string): RestRoutes {
  return restRoutes().openapi(listing, (c) => {
    const { project, environment } = c.req.valid('param');
    const ref = { project, environment };
    const items = held.of(ref).map(({ flag, kill }) => ({ flag, ...kill }));
    return answerView(c, accepted({ server: host, streams: delivery.streams(ref), items }));
  });
}
