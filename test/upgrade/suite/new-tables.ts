import type { PGlite } from '@electric-sql/pglite';

/** Databases whose tables are of a later build than the one that opens them. */
export interface NewTables {
  /** Makes the file, which is not there yet. */
  sqlite(path: string): Promise<void>;
  /** Makes the tables in a database, where they are not there yet. */
  postgres(url: string): Promise<void>;
  /** PostgreSQL inside the process, with the tables in it. */
  pglite(): PGlite;
  /** Hears of every database that was opened. @param place - Path or URL; nothing, of the one inside the process. */
  opened(adapter: 'sqlite' | 'postgres' | 'pglite', place: string): Promise<void>;
}

// The files of a commit's suite open databases by themselves and take no arguments: what stands in for what they import
// finds here what was given for them.
let given: NewTables | undefined;

/** Says what the suite that is described next opens. */
export function give(tables: NewTables): void {
  given = tables;
}

/** What was given. */
export function newTables(): NewTables {
  if (given === undefined) throw new Error('No tables were given to this suite.');
  return given;
}
