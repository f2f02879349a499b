import { and, asc, desc, eq, getTableColumns, gt, isNotNull } from 'drizzle-orm';
import type { Project, ProjectState } from '../../environments/environment.ts';
import type { Catalog } from '../catalog.ts';
import type { LogQuestion } from '../rows/ask-log.ts';
import { answeringLater } from '../rows/ask-log.ts';
import { catalogOf } from '../rows/catalog-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { ProjectRows } from '../rows/project-rows.ts';
import { projectOf } from '../rows/project-rows.ts';
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
      projectRows.map(({ stamp: _, removalStamp: __, place: ___, ...project }) => project),
      keyRows.map(({ place: _, ...key }) => key),
    ),
  };
}

/**
 * Reads a project, in one snapshot or under its lock: what was written since a state that is known, or all of it. A
 * damaged row is reported; the change log stands in for it, and where that does not reach back, the object is left out.
 */
export async function loadProject(
  database: Database,
  key: string,
  known: Stamped<ProjectState> | undefined,
  onDamage: DamageListener,
): Promise<Stamped<ProjectState> | undefined> {
  const [row] = await database.select().from(projects).where(eq(projects.key, key));
  if (row === undefined) return undefined;
  const { stamp, removalStamp, place: _, ...project } = row;
  const base = known !== undefined && known.stamp >= removalStamp && known.stamp <= stamp ? known : undefined;
  const rows = await selectSince(database, project, base?.stamp ?? -1);
  const written = await answeringLater(projectOf(rows, onDamage), (question) => lastGood(database, question));
  return { stamp, value: base === undefined ? written : withWritten(base.value, written) };
}

/** The rows of a project that were written after a stamp, with all environments. */
async function selectSince(database: Database, project: Project, since: number): Promise<ProjectRows> {
  const { key } = project;
  const [flagRows, environmentRows, configurationRows, segmentRows] = await Promise.all([
    database
      .select()
      .from(flags)
      .where(and(eq(flags.project, key), gt(flags.stamp, since)))
      .orderBy(asc(flags.place)),
    database.select().from(environments).where(eq(environments.project, key)).orderBy(asc(environments.id)),
    database
      .select(getTableColumns(configurations))
      .from(configurations)
      .innerJoin(environments, eq(environments.id, configurations.environment))
      .where(and(eq(environments.project, key), gt(configurations.stamp, since)))
      .orderBy(asc(configurations.place)),
    database
      .select(getTableColumns(segments))
      .from(segments)
      .innerJoin(environments, eq(environments.id, segments.environment))
      .where(and(eq(environments.project, key), gt(segments.stamp, since)))
      .orderBy(asc(segments.place)),
  ]);
  return {
    project,
    flags: flagRows,
    environments: environmentRows.map((row) => ({
      row,
      configurations: configurationRows.filter(({ environment }) => environment === row.id),
      segments: segmentRows.filter(({ environment }) => environment === row.id),
    })),
  };
}

/** A state with what was written after it. Nothing of it was removed. */
function withWritten(before: ProjectState, written: ProjectState): ProjectState {
  const environments = [...written.environments].map(([key, environment]) => {
    const known = before.environments.get(key);
    const merged = known && {
      ...environment,
      flags: mergedMap(known.flags, environment.flags),
      segments: mergedMap(known.segments, environment.segments),
    };
    return [key, merged ?? environment] as const;
  });
  return {
    project: written.project,
    flags: mergedMap(before.flags, written.flags),
    environments: new Map(environments),
  };
}

function mergedMap<T>(
  before: ReadonlyMap<string, T>,
  written: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  return written.size === 0 ? before : new Map([...before, ...written]);
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
