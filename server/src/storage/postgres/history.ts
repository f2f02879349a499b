import { and, asc, desc, eq, getTableColumns, gt, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import { changeOf, objectAt } from '../rows/change-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { ChangedObjectRow, ChangeRow, EnvironmentName, EnvironmentRow } from '../rows/rows.ts';
import type { Change, HistoryQuery, ObjectAt } from '../storage.ts';
import type { Database } from './connections.ts';
import { changedObjects, changes, environments } from './tables.ts';

/**
 * Changes of one environment, in the order that the query asks for, with the epoch that they are of. One statement, so
 * all as of one moment.
 */
export async function selectChanges(
  database: Database,
  environment: EnvironmentName,
  query: HistoryQuery,
  onDamage: DamageListener,
): Promise<{ readonly epoch: string | undefined; readonly changes: readonly Change[] }> {
  const order = query.after === undefined ? desc : asc;
  const epoch = sql<string>`(select epoch from ${environments} where id = ${environment.id})`.as('epoch');
  const chosen = database
    .select({ ...getTableColumns(changes), epoch })
    .from(changes)
    .where(conditionOf(database, environment.id, query))
    .orderBy(order(changes.revision))
    .limit(query.limit)
    .as('chosen');
  const rows = await database
    .select()
    .from(chosen)
    .leftJoin(
      changedObjects,
      and(eq(changedObjects.environment, chosen.environment), eq(changedObjects.revision, chosen.revision)),
    )
    .orderBy(order(chosen.revision), asc(changedObjects.position));
  return {
    epoch: rows[0]?.chosen.epoch,
    changes: groupsOf(rows).map(({ row, objects }) => changeOf(row, objects, environment, onDamage)),
  };
}

/** The last revision at or before a time. A clock that was set back does not hide later revisions. */
export async function revisionAt(
  database: Database,
  environment: EnvironmentRow,
  time: number,
): Promise<number | undefined> {
  const [last] = await database
    .select({ revision: changes.revision })
    .from(changes)
    .where(and(eq(changes.environment, environment.id), lte(changes.at, time)))
    .orderBy(desc(changes.revision))
    .limit(1);
  if (last !== undefined) return last.revision;
  return Date.parse(environment.floorAt) <= time ? environment.historyFloor : undefined;
}

/** For every object changed after a revision, what it was then: its `before` in the earliest of the changes. */
export async function differencesAt(
  database: Database,
  environment: EnvironmentRow,
  revision: number,
  onDamage: DamageListener,
): Promise<readonly ObjectAt[] | undefined> {
  if (revision < environment.historyFloor || revision > environment.revision) return undefined;
  // As SQLite orders text: by bytes, whatever the collation of the database.
  const key = sql`${changedObjects.key} collate "C"`;
  const rows = await database
    .selectDistinctOn([changedObjects.kind, key], {
      kind: changedObjects.kind,
      key: changedObjects.key,
      before: changedObjects.before,
      revision: changedObjects.revision,
    })
    .from(changedObjects)
    .where(and(eq(changedObjects.environment, environment.id), gt(changedObjects.revision, revision)))
    .orderBy(asc(changedObjects.kind), key, asc(changedObjects.revision));
  return rows.flatMap((row) => objectAt(row, environment, onDamage));
}

interface Group {
  readonly row: ChangeRow;
  readonly objects: ChangedObjectRow[];
}

function groupsOf(
  rows: readonly { readonly chosen: ChangeRow; readonly changed_objects: ChangedObjectRow | null }[],
): readonly Group[] {
  const groups: Group[] = [];
  let last: Group | undefined;
  for (const { chosen, changed_objects: object } of rows) {
    if (last === undefined || last.row.revision !== chosen.revision) {
      last = { row: chosen, objects: [] };
      groups.push(last);
    }
    if (object !== null) last.objects.push(object);
  }
  return groups;
}

function conditionOf(database: Database, environment: number, query: HistoryQuery): SQL | undefined {
  const { flag, after, before } = query;
  return and(
    eq(changes.environment, environment),
    after === undefined ? undefined : gt(changes.revision, after),
    before === undefined ? undefined : lt(changes.revision, before),
    flag === undefined ? undefined : inArray(changes.revision, revisionsOf(database, environment, flag)),
  );
}

function revisionsOf(database: Database, environment: number, flag: string) {
  return database
    .select({ revision: changedObjects.revision })
    .from(changedObjects)
    .where(
      and(
        eq(changedObjects.environment, environment),
        eq(changedObjects.kind, 'flag'),
        eq(changedObjects.key, flag),
      ),
    );
}
