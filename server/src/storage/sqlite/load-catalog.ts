import { sql } from 'drizzle-orm';
import type { Catalog } from '../catalog.ts';
import { catalogOf } from '../rows/catalog-rows.ts';
import type { Database } from './database.ts';
import { apiKeys, projects } from './tables.ts';

/** Reads what belongs to the whole server. */
export function loadCatalog(database: Database): Catalog {
  const inOrderOfCreation = sql`rowid`;
  return catalogOf(
    database.select().from(projects).orderBy(inOrderOfCreation).all(),
    database.select().from(apiKeys).orderBy(inOrderOfCreation).all(),
  );
}
