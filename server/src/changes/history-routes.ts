import { ChangePage, DiffQuery, DiffView, HistoryQuery } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { EnvironmentRef } from '../environments/environment.ts';
import { answerView } from '../http/answer.ts';
import { cutPage, numberPosition } from '../http/page-cursor.ts';
import { readDiff } from '../rest/read-diff.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { Storage } from '../storage/storage.ts';
import { changeView } from './change-views.ts';
import type { Result } from './result.ts';
import { accepted } from './result.ts';

const tag = 'History';
const ENVIRONMENT = '/api/v1/projects/{project}/environments/{environment}';

const listing = restRoute({
  method: 'get',
  path: `${ENVIRONMENT}/revisions`,
  tag,
  summary: 'The history: who, when, why, before and after. Newest first; with `after`, oldest first.',
  query: HistoryQuery.strict(),
  answer: [200, ChangePage],
});

const comparing = restRoute({
  method: 'get',
  path: `${ENVIRONMENT}/diff`,
  tag,
  summary: 'What differs between two revisions or times; `to` is now when it is left out.',
  query: DiffQuery.strict(),
  answer: [200, DiffView],
  problems: ['REVISION_NOT_FOUND'],
});

/** The history of environments. */
export function historyRoutes({ storage }: RestServices): RestRoutes {
  const routes = restRoutes();
  routes.openapi(listing, async (c) =>
    answerView(c, await readHistory(storage, c.req.valid('param'), c.req.valid('query'))),
  );
  routes.openapi(comparing, async (c) => {
    const { from, to } = c.req.valid('query');
    return answerView(c, await readDiff(storage, c.req.valid('param'), from, to));
  });
  return routes;
}

async function readHistory(
  storage: Pick<Storage, 'read' | 'history'>,
  ref: EnvironmentRef,
  { flag, after, cursor, limit }: z.infer<typeof HistoryQuery>,
): Promise<Result<object>> {
  const environment = await readEnvironment(storage, ref.project, ref.environment);
  if (!environment.ok) return environment;
  const position = numberPosition(cursor);
  if (!position.ok) return position;
  const changes = await storage.history(ref, {
    ...(flag !== undefined && { flag }),
    ...rangeOf(after, position.value),
    limit: limit + 1,
  });
  const { items, ...next } = cutPage(changes, limit, ({ revision }) => revision);
  return accepted({ items: items.map(changeView), ...next });
}

/** A cursor goes on in the direction in which the list was begun. */
function rangeOf(
  after: number | undefined,
  position: number | undefined,
): { after?: number; before?: number } {
  if (after !== undefined) return { after: position ?? after };
  return position === undefined ? {} : { before: position };
}
