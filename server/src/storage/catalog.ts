import type { ApiKey } from '../access/api-key.ts';
import type { Project } from '../environments/environment.ts';
import type { Draft } from './storage.ts';

/** What belongs to the whole server, at one moment. Immutable. */
export interface Catalog {
  /** By project key, in order of creation. */
  readonly projects: ReadonlyMap<string, Project>;
  /** By id, in order of creation. */
  readonly keys: ReadonlyMap<string, ApiKey>;
}

export const EMPTY_CATALOG: Catalog = { projects: new Map(), keys: new Map() };

/** The catalog as a draft leaves it; the same one where the draft does not touch it. */
export function applyToCatalog(catalog: Catalog, draft: Draft): Catalog {
  const { project, keys = [], revokedKeys = [] } = draft;
  return {
    projects: project === undefined ? catalog.projects : new Map(catalog.projects).set(project.key, project),
    keys: keys.length + revokedKeys.length === 0 ? catalog.keys : withKeys(catalog.keys, keys, revokedKeys),
  };
}

function withKeys(
  before: ReadonlyMap<string, ApiKey>,
  added: readonly ApiKey[],
  revoked: readonly string[],
): ReadonlyMap<string, ApiKey> {
  const after = new Map(before);
  for (const id of revoked) after.delete(id);
  for (const key of added) after.set(key.id, key);
  return after;
}
