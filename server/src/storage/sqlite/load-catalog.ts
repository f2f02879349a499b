import { ROLES } from '@dimmer/schema/rest';
import { sql } from 'drizzle-orm';
import type { ApiKey } from '../../access/api-key.ts';
import type { Catalog } from '../catalog.ts';
import type { Database } from './database.ts';
import { apiKeys, projects } from './tables.ts';

/** Reads what belongs to the whole server. */
export function loadCatalog(database: Database): Catalog {
  const inOrderOfCreation = sql`rowid`;
  const projectRows = database.select().from(projects).orderBy(inOrderOfCreation).all();
  const keyRows = database.select().from(apiKeys).orderBy(inOrderOfCreation).all();
  return {
    projects: new Map(projectRows.map((row) => [row.key, row])),
    keys: new Map(keyRows.map((row) => [row.id, keyOf(row)])),
  };
}

/** A role that this build does not know opens nothing. */
function keyOf(row: typeof apiKeys.$inferSelect): ApiKey {
  return { ...row, role: ROLES.find((role) => role === row.role) ?? null };
}
