import { and, asc, desc, eq, gt, inArray, lt, lte, min, type SQL, sql } from 'drizzle-orm';
import { changeOf, objectAt } from '../rows/change-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { ChangedObjectRow, ChangeRow, EnvironmentRow } from '../rows/rows.ts';
import type { Change, HistoryQuery, ObjectAt } from '../storage.ts';
import type { Database } from './database.ts';
import { changedObjects, changes } from './tables.ts';

/** Changes of one environment, in the order that the query asks for. */
export function selectChanges(
  database: Database,
  environment: EnvironmentRow,
  query: HistoryQuery,
  onDamage: DamageListener,
): readonly Change[] {
  const rows = database
    .select()
    .from(changes)
    .where(conditionOf(database, environment, query))
    .orderBy(query.after === undefined ? desc(changes.revision) : asc(changes.revision))
    .limit(query.limit)
    .all();
  const objects = objectsByRevision(database, environment, rows);
  return rows.map((row) => changeOf(row, objects.get(row.revision) ?? [], environment, onDamage));
}

/** The last revision at or before a time. A clock that was set back does not hide later revisions. */
export function revisionAt(
  database: Database,
  environment: EnvironmentRow,
  time: number,
): number | undefined {
  const last = database
    .select({ revision: changes.revision })
    .from(changes)
    .where(and(eq(changes.environment, environment.id), lte(changes.at, time)))
    .orderBy(desc(changes.revision))
    .limit(1)
    .get();
  if (last !== undefined) return last.revision;
  return Date.parse(environment.floorAt) <= time ? environment.historyFloor : undefined;
}

/** For every object changed after a revision, what it was then: its `before` in the earliest of the changes. */
export function differencesAt(
  database: Database,
  environment: EnvironmentRow,
  revision: number,
  onDamage: DamageListener,
): readonly ObjectAt[] | undefined {
  if (revision < environment.historyFloor || revision > environment.revision) return undefined;
  const rows = database
    .select({
      kind: changedObjects.kind,
      key: changedObjects.key,
      // SQLite takes a bare column from the row that holds the minimum.
      before: changedObjects.before,
      revision: sql<number>`${min(changedObjects.revision)}`,
    })
    .from(changedObjects)
    .where(and(eq(changedObjects.environment, environment.id), gt(changedObjects.revision, revision)))
    .groupBy(changedObjects.kind, changedObjects.key)
    .orderBy(changedObjects.kind, changedObjects.key)
    .all();
  return rows.flatMap((row) => objectAt(row, environment, onDamage));
}

function conditionOf(database: Database, environment: EnvironmentRow, query: HistoryQuery): SQL | undefined {
  const { flag, after, before } = query;
  return and(
    eq(changes.environment, environment.id),
    after === undefined ? undefined : gt(changes.revision, after),
    before === undefined ? undefined : lt(changes.revision, before),
    flag === undefined ? undefined : inArray(changes.revision, revisionsOf(database, environment, flag)),
  );
}

function revisionsOf(database: Database, environment: EnvironmentRow, flag: string) {
  return database
    .select({ revision: changedObjects.revision })
    .from(changedObjects)
    .where(
      and(
        eq(changedObjects.environment, environment.id),
        eq(changedObjects.kind, 'flag'),
        eq(changedObjects.key, flag),
      ),
    );
}

function objectsByRevision(
  database: Database,
  environment: EnvironmentRow,
  rows: readonly ChangeRow[],
): ReadonlyMap<number, readonly ChangedObjectRow[]> {
  const byRevision = new Map<number, ChangedObjectRow[]>(rows.map((row) => [row.revision, []]));
  const objects = database
    .select()
    .from(changedObjects)
    .where(
      and(
        eq(changedObjects.environment, environment.id),
        // One parameter however many revisions there are: SQLite limits the number of parameters.
        sql`${changedObjects.revision} in (select value from json_each(${JSON.stringify([...byRevision.keys()])}))`,
      ),
    )
    .orderBy(changedObjects.revision, changedObjects.position)
    .all();
  for (const object of objects) byRevision.get(object.revision)?.push(object);
  return byRevision;
}
