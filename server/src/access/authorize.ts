import type { Role } from '@dimmer/schema/rest';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { ApiKey } from './api-key.ts';

/** What a route needs of an admin key. */
export interface Permission {
  readonly role: Role;
  /**
   * `project`: the key opens the project in the path. `server`: the key opens every project.
   * `own`: any key; the route answers with what the key opens.
   */
  readonly scope: 'project' | 'server' | 'own';
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, editor: 1, admin: 2 };

/**
 * Whether an admin key may use a route. It is decided before anything is looked up, so that a foreign
 * project and one that does not exist answer alike (SPEC.md, A8).
 *
 * @param project - The project in the path, where there is one.
 */
export function authorize(key: ApiKey, permission: Permission, project: string | undefined): Result<void> {
  const { role, scope } = permission;
  if (scope === 'server' && key.project !== null) {
    return forbidden(`The key opens project "${key.project}" only; this needs a key of the whole server.`);
  }
  if (scope === 'project' && !opensProject(key, project)) {
    return forbidden(`The key opens project "${key.project}" only.`);
  }
  if (key.role === null || RANK[key.role] < RANK[role]) {
    return forbidden(`The key has the role ${key.role ?? 'none'}; this needs ${role}.`);
  }
  return accepted(undefined);
}

/** Whether an admin key opens a project. */
export function opensProject(key: ApiKey, project: string | undefined): boolean {
  return key.project === null || key.project === project;
}

function forbidden(detail: string): Result<void> {
  return rejected({ code: 'FORBIDDEN', detail });
}
