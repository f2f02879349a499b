import { and, asc, desc, eq, isNotNull } from 'drizzle-orm';
import type { ProjectState } from '../../environments/environment.ts';
import type { Catalog } from '../catalog.ts';
import type { LogQuestion } from '../rows/ask-log.ts';
import { answeringLater } from '../rows/ask-log.ts';
import { catalogOf } from '../rows/catalog-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { EnvironmentRows } from '../rows/project-rows.ts';
import { projectOf } from '../rows/project-rows.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { Database } from './connections.ts';
import {
  apiKeys,
  catalog,
  changedObjects,
  changes,
  configurations,
  environments,
  flags,
  projects,
  segments,
} from './tables.ts';

/** Something that was read, with the stamp that it carried. */
export interface Stamped<T> {
  readonly stamp: number;
  readonly value: T;
}

/** The stamp of the catalog now. */
export async function stampOfCatalog(database: Database): Promise<number> {
  const [row] = await database.select().from(catalog);
  return row?.stamp ?? 0;
}

/** The stamp of a project now; `undefined` where there is no such project. */
export async function stampOfProject(database: Database, key: string): Promise<number | undefined> {
  const [row] = await database.select({ stamp: projects.stamp }).from(projects).where(eq(projects.key, key));
  return row?.stamp;
}

/** Reads what belongs to the whole server. In one snapshot, or under the lock of the catalog. */
export async function loadCatalog(database: Database): Promise<Stamped<Catalog>> {
  const stamp = await stampOfCatalog(database);
  const projectRows = await database.select().from(projects).orderBy(asc(projects.place));
  const keyRows = await database.select().from(apiKeys).orderBy(asc(apiKeys.place));
  return {
    stamp,
    value: catalogOf(
      projectRows.map(({ stamp: _, place: __, ...project }) => project),
      keyRows.map(({ place: _, ...key }) => key),
    ),
  };
}

/**
 * Reads a whole project, in one snapshot or under its lock. A damaged row is reported; the change log stands in for it,
 * and where that does not reach back, the object is left out.
 */
export async function loadProject(
  database: Database,
  key: string,
  onDamage: DamageListener,
): Promise<Stamped<ProjectState> | undefined> {
  const [row] = await database.select().from(projects).where(eq(projects.key, key));
  if (row === undefined) return undefined;
  const { stamp, place: _, ...project } = row;
  const flagRows = await database
    .select()
    .from(flags)
    .where(eq(flags.project, key))
    .orderBy(asc(flags.place));
  const environmentRows = await database
    .select()
    .from(environments)
    .where(eq(environments.project, key))
    .orderBy(asc(environments.id));
  const rows: EnvironmentRows[] = [];
  for (const environment of environmentRows) rows.push(await selectEnvironment(database, environment));
  const state = projectOf({ project, flags: flagRows, environments: rows }, onDamage);
  return { stamp, value: await answeringLater(state, (question) => lastGood(database, question)) };
}

async function selectEnvironment(database: Database, row: EnvironmentRow): Promise<EnvironmentRows> {
  const configurationRows = await database
    .select()
    .from(configurations)
    .where(eq(configurations.environment, row.id))
    .orderBy(asc(configurations.place));
  const segmentRows = await database
    .select()
    .from(segments)
    .where(eq(segments.environment, row.id))
    .orderBy(asc(segments.place));
  return { row, configurations: configurationRows, segments: segmentRows };
}

/** What the newest change that left an object in place says of it. */
async function lastGood(
  database: Database,
  { kind, key, project, environment }: LogQuestion,
): Promise<string | undefined> {
  const [row] = await database
    .select({ after: changedObjects.after })
    .from(changedObjects)
    .innerJoin(environments, eq(environments.id, changedObjects.environment))
    .innerJoin(
      changes,
      and(eq(changes.environment, changedObjects.environment), eq(changes.revision, changedObjects.revision)),
    )
    .where(
      and(
        environment === null ? eq(environments.project, project) : eq(environments.id, environment),
        eq(changedObjects.kind, kind),
        eq(changedObjects.key, key),
        isNotNull(changedObjects.after),
      ),
    )
    .orderBy(desc(changes.at), desc(changes.revision))
    .limit(1);
  return row?.after ?? undefined;
}
