import type { Role } from '@dimmer/schema/rest';
import { PERMISSIONS } from '@dimmer/server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { CLIENT, openRest, PRODUCTION, PROJECT, problemOf, SERVER } from './rest-harness.ts';

let rest: RestHarness;
/** Keys of each role, of the whole server and of project `default` only. */
const keys = new Map<string, string>();

beforeAll(async () => {
  rest = await openRest();
  await rest.ask('POST /api/v1/projects', { json: { key: 'foreign' } });
  for (const role of ['admin', 'editor', 'viewer']) {
    keys.set(`server ${role}`, await secretOf({ name: role, role }));
    keys.set(`project ${role}`, await secretOf({ name: role, role, project: 'default' }));
  }
});
afterAll(() => rest.close());

const RANK: Record<Role, number> = { viewer: 0, editor: 1, admin: 2 };
const routes = [...PERMISSIONS.keys()];
const roles: Role[] = ['admin', 'editor', 'viewer'];

test('[A9] the router and the table of permissions have the same routes', () => {
  const declared = rest.app.routes.routes
    .filter(({ path, method }) => path.startsWith('/api/v1/') && !path.endsWith('*') && method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  expect(new Set(declared)).toEqual(new Set(routes));
});

test.each(routes)('[A9] %s refuses whoever has no key, an SDK key, or an unknown key', async (route) => {
  const at = placed(route, 'default');
  expect(problemOf(await rest.ask(at, { key: '' })).code).toBe('UNAUTHENTICATED');
  expect(problemOf(await rest.ask(at, { key: `dim_adm_${'z'.repeat(38)}` })).code).toBe('UNAUTHENTICATED');
  for (const key of [SERVER, CLIENT]) {
    expect(problemOf(await rest.ask(at, { key }))).toMatchObject({
      code: 'WRONG_KEY_KIND',
      remedy: expect.stringContaining('dim_adm_'),
    });
  }
});

test.each(routes)('[A9] %s opens to exactly the roles and projects of its permission', async (route) => {
  const permission = PERMISSIONS.get(route);
  if (permission === undefined) throw new Error('unlisted');
  for (const role of roles) {
    for (const scope of ['server', 'project']) {
      for (const project of ['default', 'foreign', 'nowhere']) {
        const isRanked = RANK[role] >= RANK[permission.role];
        const isInside =
          scope === 'server' ||
          permission.scope === 'own' ||
          (permission.scope === 'project' && project === 'default');
        const hasBody = !/^(GET|DELETE)/.test(route);
        const ask = { key: keyOf(scope, role), ...(hasBody && { text: '?' }) };
        const answer = await rest.ask(placed(route, project), ask);
        const isForbidden = answer.status === 403;
        expect([role, scope, project, isForbidden]).toEqual([role, scope, project, !(isRanked && isInside)]);
      }
    }
  }
});

test('[A8] a foreign project and one that does not exist are refused alike', async () => {
  const key = keyOf('project', 'admin');
  const foreign = problemOf(await rest.ask('GET /api/v1/projects/foreign', { key }));
  const nowhere = problemOf(await rest.ask('GET /api/v1/projects/nowhere', { key }));
  expect({ ...foreign, instance: '' }).toEqual({ ...nowhere, instance: '' });
});

test('[A8] an encoded project is the same project', async () => {
  const key = keyOf('project', 'admin');
  expect((await rest.ask('GET /api/v1/projects/%66oreign', { key })).status).toBe(403);
  expect((await rest.ask('GET /api/v1/projects/%64efault', { key })).status).toBe(200);
});

test('[A8] a key of one project sees that project alone in the list', async () => {
  const list = await rest.ask('GET /api/v1/projects', { key: keyOf('project', 'viewer') });
  expect(list.body.items.map((project: { key: string }) => project.key)).toEqual(['default']);
});

test('[A5] a server key opens its environment and no other, and an admin key opens no stream', async () => {
  const issued = await rest.ask(`POST ${PROJECT}/environments/staging/keys`, {
    json: { name: 's', kind: 'server' },
  });
  const staging = await rest.ask('GET /sdk/v1/snapshot', { key: issued.body.secret });
  const production = await rest.ask('GET /sdk/v1/snapshot', { key: SERVER });
  expect(staging.body.epoch).not.toBe(production.body.epoch);
  for (const key of [CLIENT, keyOf('server', 'admin')]) {
    expect(problemOf(await rest.ask('GET /sdk/v1/snapshot', { key })).code).toBe('WRONG_KEY_KIND');
  }
});

test('[A10] a key that was deleted opens nothing from the next request on', async () => {
  const issued = await rest.ask(`POST ${PRODUCTION}/keys`, { json: { name: 'web', kind: 'server' } });
  const { id, secret } = issued.body;
  expect((await rest.ask('GET /sdk/v1/snapshot', { key: secret })).status).toBe(200);
  expect((await rest.ask(`DELETE ${PRODUCTION}/keys/${id}`)).body).toEqual({ id, revision: 0 });
  expect(problemOf(await rest.ask('GET /sdk/v1/snapshot', { key: secret })).code).toBe('UNAUTHENTICATED');
});

test('[A10] a key is not deleted through another environment', async () => {
  const issued = await rest.ask(`POST ${PRODUCTION}/keys`, { json: { name: 'web', kind: 'server' } });
  const other = `DELETE ${PROJECT}/environments/staging/keys/${issued.body.id}`;
  expect(problemOf(await rest.ask(other)).code).toBe('KEY_NOT_FOUND');
  expect(problemOf(await rest.ask(`DELETE /api/v1/keys/${issued.body.id}`)).code).toBe('KEY_NOT_FOUND');
});

test('[A6] a key opens nothing after it has expired', async () => {
  const expiresAt = new Date(rest.clock.now() + 1_000).toISOString();
  const secret = await secretOf({ name: 'short', role: 'viewer', expiresAt });
  expect((await rest.ask('GET /api/v1/projects', { key: secret })).status).toBe(200);
  rest.clock.set(rest.clock.now() + 1_000);
  expect(problemOf(await rest.ask('GET /api/v1/projects', { key: secret })).detail).toContain('expired');
});

test('[A16] a key that has expired already is refused, whatever its kind', async () => {
  const expiresAt = new Date(rest.clock.now()).toISOString();
  for (const [route, json] of [
    ['POST /api/v1/keys', { name: 'late', role: 'viewer', expiresAt }],
    [`POST ${PRODUCTION}/keys`, { name: 'late', kind: 'server', expiresAt }],
  ] as const) {
    const refused = problemOf(await rest.ask(route, { json }));
    expect(refused).toMatchObject({ status: 422, code: 'RULE_VIOLATED' });
    expect(refused.issues).toMatchObject([{ path: '$.expiresAt', rule: 'expiry-in-future' }]);
  }
});

test('[A11] lists show keys without secrets or hashes', async () => {
  const list = await rest.ask(`GET ${PRODUCTION}/keys`);
  expect(list.body.items.length).toBeGreaterThanOrEqual(2);
  for (const key of list.body.items) {
    expect(Object.keys(key).sort()).toEqual(
      ['createdAt', 'environment', 'expiresAt', 'hint', 'id', 'kind', 'name', 'project', 'role'].sort(),
    );
  }
});

test('[A13] the last key that administers the server cannot be deleted', async () => {
  const alone = await openRest();
  const [only] = (await alone.ask('GET /api/v1/keys')).body.items;
  expect(problemOf(await alone.ask(`DELETE /api/v1/keys/${only.id}`)).code).toBe('IN_USE');
  await alone.ask('POST /api/v1/keys', { json: { name: 'second', role: 'admin' } });
  expect((await alone.ask(`DELETE /api/v1/keys/${only.id}`)).status).toBe(200);
  await alone.close();
});

test('[A12] an admin key of an unknown project is refused', async () => {
  const refused = await rest.ask('POST /api/v1/keys', {
    json: { name: 'x', role: 'viewer', project: 'nowhere' },
  });
  expect(problemOf(refused).code).toBe('PROJECT_NOT_FOUND');
});

function keyOf(scope: string, role: Role): string {
  return keys.get(`${scope} ${role}`) ?? '';
}

function placed(route: string, project: string): string {
  return route
    .replace('{project}', project)
    .replace('{environment}', 'production')
    .replaceAll(/\{\w+\}/g, 'nothing');
}

async function secretOf(json: object): Promise<string> {
  return (await rest.ask('POST /api/v1/keys', { json })).body.secret;
}
