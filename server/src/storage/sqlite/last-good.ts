import { and, desc, eq, isNotNull, type SQL, sql } from 'drizzle-orm';
import type { Segment } from '../../segments/segment.ts';
import type { FlagDocument } from '../storage.ts';
import type { Database } from './database.ts';
import { readFlagDocument, readSegment } from './documents.ts';
import { changedObjects, environments } from './tables.ts';

/*
 * A change keeps the whole object as it left it, so the log can stand in for a damaged row: the newest change
 * of the object says what the row held.
 */

/** A flag with its configuration and kill, as the log last saw them in one environment. */
export function lastGoodInEnvironment(
  database: Database,
  environment: number,
  flag: string,
): FlagDocument | undefined {
  const text = lastAfter(database, and(eq(changedObjects.environment, environment), isObject('flag', flag)));
  return flagDocumentOf(text);
}

/** A flag as the log last saw it in any environment of its project. */
export function lastGoodInProject(
  database: Database,
  project: string,
  flag: string,
): FlagDocument | undefined {
  const ids = database
    .select({ id: environments.id })
    .from(environments)
    .where(eq(environments.project, project));
  const text = lastAfter(database, and(sql`${changedObjects.environment} in ${ids}`, isObject('flag', flag)));
  return flagDocumentOf(text);
}

export function lastGoodSegment(database: Database, environment: number, key: string): Segment | undefined {
  const text = lastAfter(
    database,
    and(eq(changedObjects.environment, environment), isObject('segment', key)),
  );
  const read = text === undefined ? undefined : readSegment(text);
  return read?.ok === true ? read.value : undefined;
}

function lastAfter(database: Database, condition: SQL | undefined): string | undefined {
  const newestFirst = desc(sql`rowid`);
  const row = database
    .select({ after: changedObjects.after })
    .from(changedObjects)
    .where(and(condition, isNotNull(changedObjects.after)))
    .orderBy(newestFirst)
    .limit(1)
    .get();
  return row?.after ?? undefined;
}

function flagDocumentOf(text: string | undefined): FlagDocument | undefined {
  const read = text === undefined ? undefined : readFlagDocument(text);
  return read?.ok === true ? read.value : undefined;
}

function isObject(kind: 'flag' | 'segment', key: string): SQL | undefined {
  return and(eq(changedObjects.kind, kind), eq(changedObjects.key, key));
}
