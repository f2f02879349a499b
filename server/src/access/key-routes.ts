import assert from 'node:assert/strict';
import type { JsonValue } from '@dimmer/schema';
import { AdminKeyInput, IssuedKeyView, KeyPage, PageQuery, Revision, SdkKeyInput } from '@dimmer/schema/rest';
import type { Context } from 'hono';
import { z } from 'zod';
import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import { answerView, answerWrite } from '../http/answer.ts';
import { idempotencyOf } from '../http/idempotency.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { answerProblem } from '../http/problem.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { RestEnv } from '../rest/rest-env.ts';
import { actorOf } from '../rest/rest-env.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { KeyGrant } from './issue-key.ts';
import { issueKey } from './issue-key.ts';
import type { KeyPlace } from './key-plans.ts';
import { addKey, belongsTo, deleteKey } from './key-plans.ts';
import { keyView } from './key-views.ts';

const ENVIRONMENT_KEYS = '/api/v1/projects/{project}/environments/{environment}/keys';
const SERVER: KeyPlace = { project: null, environment: null };

const IssuedView = IssuedKeyView.extend({ revision: Revision }).meta({ id: 'KeyIssued' });
const DeletedView = z.object({ id: z.string(), revision: Revision }).meta({ id: 'KeyDeleted' });

const tag = 'Keys';
const listQuery = PageQuery.strict();

const listAdminKeys = restRoute({
  method: 'get',
  path: '/api/v1/keys',
  tag,
  summary: 'The admin keys of the server.',
  query: listQuery,
  answer: [200, KeyPage],
});

const createAdminKey = restRoute({
  method: 'post',
  path: '/api/v1/keys',
  tag,
  summary: 'A new admin key. Its secret is shown once.',
  body: AdminKeyInput,
  answer: [201, IssuedView],
  problems: ['PROJECT_NOT_FOUND', 'RULE_VIOLATED'],
});

const deleteAdminKey = restRoute({
  method: 'delete',
  path: '/api/v1/keys/{id}',
  tag,
  summary: 'Deletes an admin key, at once.',
  answer: [200, DeletedView],
  problems: ['IN_USE'],
});

const listSdkKeys = restRoute({
  method: 'get',
  path: ENVIRONMENT_KEYS,
  tag,
  summary: 'The SDK keys of an environment.',
  query: listQuery,
  answer: [200, KeyPage],
});

const createSdkKey = restRoute({
  method: 'post',
  path: ENVIRONMENT_KEYS,
  tag,
  summary: 'A new SDK key. Its secret is shown once.',
  body: SdkKeyInput,
  answer: [201, IssuedView],
  problems: ['RULE_VIOLATED'],
});

const deleteSdkKey = restRoute({
  method: 'delete',
  path: `${ENVIRONMENT_KEYS}/{id}`,
  tag,
  summary: 'Deletes an SDK key, at once.',
  answer: [200, DeletedView],
});

/** Admin keys of the server, SDK keys of environments. */
export function keyRoutes(services: RestServices): RestRoutes {
  const { storage } = services;
  return restRoutes()
    .openapi(listAdminKeys, async (c) =>
      answerView(c, await pageOfKeys(services, SERVER, c.req.valid('query'))),
    )
    .openapi(createAdminKey, (c) => {
      const { name, role, project = null, expiresAt = null } = c.req.valid('json');
      return issue(c, services, { kind: 'admin', name, role, project, environment: null, expiresAt });
    })
    .openapi(deleteAdminKey, (c) => remove(c, services, c.req.valid('param').id, SERVER))
    .openapi(listSdkKeys, async (c) => {
      const place = c.req.valid('param');
      const environment = await readEnvironment(storage, place.project, place.environment);
      if (!environment.ok) return answerProblem(c, environment.rejection);
      return answerView(c, await pageOfKeys(services, place, c.req.valid('query')));
    })
    .openapi(createSdkKey, (c) => {
      const { name, kind, expiresAt = null } = c.req.valid('json');
      return issue(c, services, { ...c.req.valid('param'), kind, name, role: null, expiresAt });
    })
    .openapi(deleteSdkKey, (c) => {
      const { id, ...place } = c.req.valid('param');
      return remove(c, services, id, place);
    });
}

async function pageOfKeys(
  { storage }: RestServices,
  place: KeyPlace,
  { cursor, limit }: z.infer<typeof listQuery>,
): Promise<Result<object>> {
  const after = textPosition(cursor);
  if (!after.ok) return after;
  const keys = (await storage.keys()).filter((key) => belongsTo(key, place)).map(keyView);
  const sorted = keys.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  return accepted(pageOfSorted(sorted, { after: after.value, limit }, (key) => key.id));
}

/** The secret is put into the answer after the reply was stored, and only into the first. */
async function issue(c: Context<RestEnv>, services: RestServices, grant: KeyGrant): Promise<Response> {
  const { storage, clock, random, keys } = services;
  const { key, secret } = issueKey(grant, random, new Date(clock.now()).toISOString());
  const idempotency = idempotencyOf(c);
  const outcome = await storage.transact({
    project: key.project,
    actor: actorOf(c.get('key')),
    ...(idempotency !== undefined && { idempotency }),
    plan: addKey(key),
  });
  keys.invalidate();
  if (!outcome.ok || outcome.value.replayed) return answerWrite(c, outcome);
  const { reply } = outcome.value;
  return answerWrite(
    c,
    accepted({ reply: { ...reply, body: withSecret(reply.body, secret) }, replayed: false }),
  );
}

function withSecret(body: JsonValue, secret: string): JsonValue {
  assert(
    typeof body === 'object' && body !== null && !Array.isArray(body),
    'the reply of a new key is an object',
  );
  return { ...body, secret };
}

async function remove(
  c: Context<RestEnv>,
  { storage, keys }: RestServices,
  id: string,
  place: KeyPlace,
): Promise<Response> {
  const actor = actorOf(c.get('key'));
  const outcome = await storage.transact({ project: place.project, actor, plan: deleteKey(id, place) });
  keys.invalidate(outcome.ok ? id : undefined);
  return answerWrite(c, outcome);
}
