import type * as inProcess from '@electric-sql/pglite';
import { newTables } from './new-tables.ts';

/** What `new PGlite()` of the commit's fixture makes: one with the tables in it. */
export function PGlite(): inProcess.PGlite {
  return newTables().pglite();
}
