import { Json, PageQuery, Revision, Timestamp } from '@dimmer/schema/rest';
import { z } from 'zod';
import { answerView } from '../http/answer.ts';
import { cutPage, numberPosition } from '../http/page-cursor.ts';
import { answerProblem } from '../http/problem.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { AuditEntry } from '../storage/storage.ts';
import { accepted } from './result.ts';

const AuditEntryView = z
  .object({
    id: z.int(),
    at: Timestamp,
    actor: z.string().meta({ description: 'Name of the key, or `system`.' }),
    action: z.string(),
    subject: z.string().meta({ description: 'What was acted on: `flag/checkout-v2`, `key/…`.' }),
    project: z.string().nullable(),
    reason: z.string().nullable(),
    details: Json,
    revisions: z.record(z.string(), Revision).meta({ description: 'The revisions it made, by environment.' }),
  })
  .meta({ id: 'AuditEntry' });

const AuditPage = z
  .object({ items: z.array(AuditEntryView), next: z.string().optional() })
  .meta({ id: 'AuditPage' });

const listing = restRoute({
  method: 'get',
  path: '/api/v1/audit',
  tag: 'Audit',
  summary: 'Everything that was written on this server, newest first.',
  query: PageQuery.strict(),
  answer: [200, AuditPage],
});

/** The audit log. */
export function auditRoutes({ storage }: RestServices): RestRoutes {
  const routes = restRoutes();
  routes.openapi(listing, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const before = numberPosition(cursor);
    if (!before.ok) return answerProblem(c, before.rejection);
    const entries = await storage.audit({
      ...(before.value !== undefined && { before: before.value }),
      limit: limit + 1,
    });
    const { items, ...next } = cutPage(entries, limit, ({ id }) => id);
    return answerView(c, accepted({ items: items.map(auditEntryView), ...next }));
  });
  return routes;
}

function auditEntryView({ actor, ...entry }: AuditEntry): z.infer<typeof AuditEntryView> {
  return { ...entry, actor: actor.name };
}
