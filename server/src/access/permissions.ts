import type { Permission } from './authorize.ts';

const read: Permission = { role: 'viewer', scope: 'project' };
const write: Permission = { role: 'editor', scope: 'project' };
const administer: Permission = { role: 'admin', scope: 'project' };
const administerServer: Permission = { role: 'admin', scope: 'server' };
const readOwn: Permission = { role: 'viewer', scope: 'own' };

const PROJECT = '/api/v1/projects/{project}';
const ENVIRONMENT = `${PROJECT}/environments/{environment}`;
const FLAG = `${PROJECT}/flags/{flag}`;
const CONFIGURATION = `${ENVIRONMENT}/flags/{flag}`;
const SEGMENT = `${ENVIRONMENT}/segments/{segment}`;

/**
 * What every REST route needs, in one table. A route that is not here cannot be declared: see
 * {@link permissionOf}.
 */
export const PERMISSIONS: ReadonlyMap<string, Permission> = new Map([
  ['GET /api/v1/projects', readOwn],
  ['POST /api/v1/projects', administerServer],
  [`GET ${PROJECT}`, read],
  [`PATCH ${PROJECT}`, administer],
  [`GET ${PROJECT}/environments`, read],
  [`POST ${PROJECT}/environments`, administer],
  [`GET ${ENVIRONMENT}`, read],
  [`PATCH ${ENVIRONMENT}`, administer],
  [`POST ${ENVIRONMENT}/renew-epoch`, write],
  [`GET ${PROJECT}/flags`, read],
  [`POST ${PROJECT}/flags`, write],
  [`GET ${FLAG}`, read],
  [`PATCH ${FLAG}`, write],
  [`DELETE ${FLAG}`, write],
  [`GET ${CONFIGURATION}`, read],
  [`PUT ${CONFIGURATION}`, write],
  [`PATCH ${CONFIGURATION}`, write],
  [`POST ${CONFIGURATION}/kill`, write],
  [`POST ${CONFIGURATION}/restore`, write],
  [`GET ${ENVIRONMENT}/held-kills`, read],
  [`POST ${ENVIRONMENT}/held-kills`, write],
  [`POST ${CONFIGURATION}/explain`, read],
  [`POST ${ENVIRONMENT}/kill`, write],
  [`POST ${ENVIRONMENT}/changes`, write],
  [`GET ${ENVIRONMENT}/state`, read],
  [`PUT ${ENVIRONMENT}/state`, write],
  [`GET ${ENVIRONMENT}/revisions`, read],
  [`GET ${ENVIRONMENT}/diff`, read],
  [`POST ${ENVIRONMENT}/revert`, write],
  [`GET ${ENVIRONMENT}/live`, read],
  [`GET ${ENVIRONMENT}/instances`, read],
  [`GET ${ENVIRONMENT}/revisions/{revision}/receipt`, read],
  [`GET ${CONFIGURATION}/exposures`, read],
  [`GET ${ENVIRONMENT}/segments`, read],
  [`POST ${ENVIRONMENT}/segments`, write],
  [`GET ${SEGMENT}`, read],
  [`PUT ${SEGMENT}`, write],
  [`PATCH ${SEGMENT}`, write],
  [`DELETE ${SEGMENT}`, write],
  [`GET ${ENVIRONMENT}/keys`, administer],
  [`POST ${ENVIRONMENT}/keys`, administer],
  [`DELETE ${ENVIRONMENT}/keys/{id}`, administer],
  ['GET /api/v1/keys', administerServer],
  ['POST /api/v1/keys', administerServer],
  ['DELETE /api/v1/keys/{id}', administerServer],
  ['GET /api/v1/audit', administerServer],
]);

/**
 * What a route needs.
 *
 * @throws Error for a route that is not in {@link PERMISSIONS}, when the route is declared: no server starts
 *   with a route that nobody thought about.
 */
export function permissionOf(method: string, path: string): Permission {
  const permission = PERMISSIONS.get(`${method.toUpperCase()} ${path}`);
  if (permission === undefined) throw new Error(`access/permissions.ts has no entry for ${method} ${path}`);
  return permission;
}
