import { and, desc, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import type { LogQuestion } from '../rows/ask-log.ts';
import type { Database } from './database.ts';
import { changedObjects, environments } from './tables.ts';

/** What the newest change that left an object in place says of it. */
export function lastGood(
  database: Database,
  { kind, key, project, environment }: LogQuestion,
): string | undefined {
  const ofProject = database
    .select({ id: environments.id })
    .from(environments)
    .where(eq(environments.project, project));
  const newestFirst = desc(sql`rowid`);
  const row = database
    .select({ after: changedObjects.after })
    .from(changedObjects)
    .where(
      and(
        environment === null
          ? inArray(changedObjects.environment, ofProject)
          : eq(changedObjects.environment, environment),
        eq(changedObjects.kind, kind),
        eq(changedObjects.key, key),
        isNotNull(changedObjects.after),
      ),
    )
    .orderBy(newestFirst)
    .limit(1)
    .get();
  return row?.after ?? undefined;
}
