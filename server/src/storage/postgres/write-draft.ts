import assert from 'node:assert/strict';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import type { CommitRows, DraftRows } from '../rows/draft-rows.ts';
import type { Database } from './connections.ts';
import {
  apiKeys,
  audit,
  changedObjects,
  changes,
  configurations,
  definitions,
  environments,
  flags,
  projects,
  segments,
} from './tables.ts';

/** How many rows one statement writes at most: a statement has at most 65,535 parameters. */
const ROWS_MAX = 1_000;

/**
 * Writes the rows of a draft. It must run inside a transaction that holds the lock of the project.
 *
 * @param stamp - What the rows of the project's state are to carry: its stamp after this draft.
 * @returns Ids of the environments that have a commit, in the order of the draft.
 * @throws AssertionError when an environment's row is not at the revision that the draft was decided on.
 */
export async function writeDraft(
  database: Database,
  rows: DraftRows,
  stamp: number,
): Promise<readonly number[]> {
  await writeProject(database, rows, stamp);
  const ids = await takeRevisions(database, rows.commits);
  for (const [index, commit] of rows.commits.entries()) {
    const id = ids[index];
    assert(id !== undefined);
    await writePlaces(database, id, commit, stamp);
    await writeLog(database, id, commit);
  }
  await writeKeys(database, rows);
  await database.insert(audit).values(rows.audit);
  return ids;
}

async function writeProject(database: Database, rows: DraftRows, stamp: number): Promise<void> {
  for (const project of rows.projects) {
    await database
      .insert(projects)
      .values({ ...project, stamp })
      .onConflictDoUpdate({ target: projects.key, set: { ...project, stamp } });
  }
  for (const environment of rows.environments) {
    await database
      .insert(environments)
      .values({ ...environment, floorAt: environment.createdAt, revision: 0, historyFloor: 0 })
      .onConflictDoUpdate({ target: [environments.project, environments.key], set: environment });
  }
  for (const some of inParts(rows.flags)) {
    await database
      .insert(flags)
      .values(some.map((row) => ({ ...row, stamp })))
      .onConflictDoUpdate({ target: [flags.project, flags.key], set: excluded('document', 'stamp') });
  }
}

/** Takes the locks of the environments' rows, in the order of ids, and the next revision of each with it. */
async function takeRevisions(database: Database, commits: readonly CommitRows[]): Promise<readonly number[]> {
  const [first] = commits;
  if (first === undefined) return [];
  const locked = database.$with('locked').as(
    database
      .select({ id: environments.id })
      .from(environments)
      .where(
        and(
          eq(environments.project, first.project),
          inArray(
            environments.key,
            commits.map(({ environment }) => environment),
          ),
        ),
      )
      .orderBy(asc(environments.id))
      .for('no key update'),
  );
  const taken = await database
    .with(locked)
    .update(environments)
    .set({ revision: sql`${environments.revision} + 1` })
    .where(inArray(environments.id, database.select({ id: locked.id }).from(locked)))
    .returning({ id: environments.id, key: environments.key, revision: environments.revision });
  return commits.map(({ project, environment, revision }) => {
    const row = taken.find(({ key }) => key === environment);
    assert(
      row?.revision === revision,
      `${project}/${environment} is not at revision ${revision - 1} in the database`,
    );
    return row.id;
  });
}

async function writePlaces(
  database: Database,
  environment: number,
  commit: CommitRows,
  stamp: number,
): Promise<void> {
  for (const some of inParts(commit.removedConfigurations)) {
    await database
      .delete(configurations)
      .where(and(eq(configurations.environment, environment), inArray(configurations.flag, [...some])));
  }
  for (const some of inParts(commit.configurations)) {
    await database
      .insert(configurations)
      .values(some.map((row) => ({ environment, ...row, stamp })))
      .onConflictDoUpdate({
        target: [configurations.environment, configurations.flag],
        set: excluded('version', 'document', 'stamp'),
      });
  }
  for (const some of inParts(commit.removedSegments)) {
    await database
      .delete(segments)
      .where(and(eq(segments.environment, environment), inArray(segments.key, [...some])));
  }
  for (const some of inParts(commit.segments)) {
    await database
      .insert(segments)
      .values(some.map((row) => ({ environment, ...row, stamp })))
      .onConflictDoUpdate({
        target: [segments.environment, segments.key],
        set: excluded('version', 'document', 'stamp'),
      });
  }
}

async function writeLog(database: Database, environment: number, commit: CommitRows): Promise<void> {
  await database.insert(changes).values({ environment, ...commit.change });
  for (const some of inParts(commit.definitions)) {
    await database
      .insert(definitions)
      .values(some.map((row) => ({ environment, ...row })))
      .onConflictDoUpdate({
        target: [definitions.environment, definitions.kind, definitions.key],
        set: excluded('version', 'document'),
      });
  }
  for (const some of inParts(commit.changedObjects)) {
    await database.insert(changedObjects).values(some.map((row) => ({ environment, ...row })));
  }
}

async function writeKeys(database: Database, rows: DraftRows): Promise<void> {
  for (const some of inParts(rows.revokedKeys)) {
    await database.delete(apiKeys).where(inArray(apiKeys.id, [...some]));
  }
  for (const key of rows.keys) {
    await database.insert(apiKeys).values(key).onConflictDoUpdate({ target: apiKeys.id, set: key });
  }
}

/** The values that an insert proposed, for columns whose names in code and table are the same. */
function excluded<Name extends string>(...names: readonly Name[]) {
  const entries = names.map((name) => [name, sql.raw(`excluded.${name}`)] as const);
  return Object.fromEntries(entries);
}

function* inParts<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += ROWS_MAX) yield rows.slice(start, start + ROWS_MAX);
}
