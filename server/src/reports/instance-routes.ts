import { InstancePage, PageQuery, ReceiptView } from '@dimmer/schema/rest';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import { answerView } from '../http/answer.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { instanceView } from './instance-views.ts';
import type { Reports } from './reports.ts';

const tag = 'Instances';
const ENVIRONMENT = '/api/v1/projects/{project}/environments/{environment}';

const listing = restRoute({
  method: 'get',
  path: `${ENVIRONMENT}/instances`,
  tag,
  summary: 'The SDKs that run: connected, or heard of within 90 seconds. By id.',
  query: PageQuery.strict(),
  answer: [200, InstancePage],
});

const proving = restRoute({
  method: 'get',
  path: `${ENVIRONMENT}/revisions/{revision}/receipt`,
  tag,
  summary: 'Who has applied a revision, how fast, and who has not.',
  answer: [200, ReceiptView],
});

/** Running SDKs, and what they have applied. */
export function instanceRoutes(
  { storage }: Pick<RestServices, 'storage'>,
  { instances, receipts }: Pick<Reports, 'instances' | 'receipts'>,
): RestRoutes {
  const routes = restRoutes();
  routes.openapi(listing, async (c) => {
    const ref = c.req.valid('param');
    const { cursor, limit } = c.req.valid('query');
    const environment = await readEnvironment(storage, ref.project, ref.environment);
    if (!environment.ok) return answerView(c, environment);
    const after = textPosition(cursor);
    if (!after.ok) return answerView(c, after);
    const page = pageOfSorted(instances.present(ref), { after: after.value, limit }, ({ id }) => id);
    return answerView(c, accepted({ ...page, items: page.items.map(instanceView) }));
  });
  routes.openapi(proving, async (c) => {
    const { revision, ...ref } = c.req.valid('param');
    const wanted = revisionOf(revision);
    return answerView(c, wanted.ok ? await receipts.now(ref, wanted.value) : wanted);
  });
  return routes;
}

function revisionOf(text: string): Result<number> {
  if (/^\d{1,15}$/.test(text)) return accepted(Number(text));
  return rejected({
    code: 'REVISION_NOT_FOUND',
    detail: `"${text}" is not a revision.`,
    remedy: 'Give a whole number, as writes answer with.',
  });
}
