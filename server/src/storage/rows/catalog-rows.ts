import { ROLES } from '@dimmer/schema/rest';
import type { ApiKey } from '../../access/api-key.ts';
import type { Project } from '../../environments/environment.ts';
import type { Catalog } from '../catalog.ts';

/** A key as its row has it: the role is any text. */
export type ApiKeyRow = Omit<ApiKey, 'role'> & { readonly role: string | null };

/** What belongs to the whole server, from rows in order of creation. */
export function catalogOf(projects: readonly Project[], keys: readonly ApiKeyRow[]): Catalog {
  return {
    projects: new Map(projects.map((row) => [row.key, row])),
    keys: new Map(keys.map((row) => [row.id, keyOf(row)])),
  };
}

/** A role that this build does not know opens nothing. */
function keyOf(row: ApiKeyRow): ApiKey {
  return { ...row, role: ROLES.find((role) => role === row.role) ?? null };
}
