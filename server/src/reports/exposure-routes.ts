import { ExposuresQuery, ExposuresView } from '@dimmer/schema/rest';
import { accepted } from '../changes/result.ts';
import { answerView } from '../http/answer.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { ExposureCount } from '../storage/exposure-store.ts';
import { minuteOf } from './exposure-rollup.ts';

const MINUTE_MS = 60_000;

const counting = restRoute({
  method: 'get',
  path: '/api/v1/projects/{project}/environments/{environment}/flags/{flag}/exposures',
  tag: 'Instances',
  summary:
    'What a flag has served, counted by SDKs: by variation, reason, kind of key and minute. Also of unknown flags.',
  query: ExposuresQuery,
  answer: [200, ExposuresView],
});

/** Counted exposures. */
export function exposureRoutes({ storage, clock }: Pick<RestServices, 'storage' | 'clock'>): RestRoutes {
  const routes = restRoutes();
  routes.openapi(counting, async (c) => {
    const { project, environment, flag } = c.req.valid('param');
    const { minutes, to } = c.req.valid('query');
    const state = await readEnvironment(storage, project, environment);
    if (!state.ok) return answerView(c, state);
    // The minute that is under way belongs to it.
    const until = minuteOf(to === undefined ? clock.now() : Date.parse(to)) + MINUTE_MS;
    const from = until - minutes * MINUTE_MS;
    const counts = await storage.exposures.read({ project, environment, flag, from, to: until });
    const view: ExposuresView = {
      flag,
      environment,
      from: new Date(from).toISOString(),
      to: new Date(until).toISOString(),
      totals: totalsOf(counts),
      minutes: counts.map(({ minute, variation, reason, source, count }) => ({
        minute: new Date(minute).toISOString(),
        variation,
        reason,
        source,
        count,
      })),
    };
    return answerView(c, accepted(view));
  });
  return routes;
}

/** Added up over all minutes, the most frequent first. */
function totalsOf(counts: readonly ExposureCount[]): ExposuresView['totals'] {
  const totals = new Map<string, ExposuresView['totals'][number]>();
  for (const { variation, reason, source, count } of counts) {
    const key = JSON.stringify([variation, reason, source]);
    totals.set(key, { variation, reason, source, count: count + (totals.get(key)?.count ?? 0) });
  }
  return [...totals.values()].sort((one, other) => other.count - one.count);
}
