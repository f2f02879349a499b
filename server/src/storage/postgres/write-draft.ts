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

/** An environment that a commit took a revision of. */
export interface Taken {
  readonly id: number;
  readonly epoch: string;
}

/** A statement that is not sent yet. */
interface Statement {
  execute(): Promise<unknown>;
}

/**
 * Writes the rows of a draft. It must run inside a transaction that holds the lock of the project.
 *
 * @param stamp - What the rows of the project's state are to carry: its stamp after this draft.
 * @returns Ids and epochs of the environments that have a commit, in the order of the draft.
 * @throws AssertionError when an environment's row is not at the revision that the draft was decided on.
 */
export async function writeDraft(
  database: Database,
  rows: DraftRows,
  stamp: number,
): Promise<readonly Taken[]> {
  const written = sendAll(projectStatements(database, rows, stamp));
  const [taken] = await Promise.all([takeRevisions(database, rows.commits), written]);
  await sendAll([
    ...rows.commits.flatMap((commit, index) => commitStatements(database, taken[index]?.id, commit, stamp)),
    ...keyStatements(database, rows),
    database.insert(audit).values(rows.audit),
  ]);
  return taken;
}

/** Sends statements in their order, without waiting for the answers in between. */
async function sendAll(statements: readonly Statement[]): Promise<void> {
  await Promise.all(statements.map((statement) => statement.execute()));
}

/** Takes the locks of the environments' rows, in the order of ids, and the next revision of each with it. */
async function takeRevisions(database: Database, commits: readonly CommitRows[]): Promise<readonly Taken[]> {
  const [first] = commits;
  if (first === undefined) return [];
  const keys = commits.map(({ environment }) => environment);
  const locked = database.$with('locked').as(
    database
      .select({ id: environments.id })
      .from(environments)
      .where(and(eq(environments.project, first.project), inArray(environments.key, keys)))
      .orderBy(asc(environments.id))
      .for('no key update'),
  );
  const taken = await database
    .with(locked)
    .update(environments)
    .set({ revision: sql`${environments.revision} + 1` })
    .where(inArray(environments.id, database.select({ id: locked.id }).from(locked)))
    .returning({
      id: environments.id,
      key: environments.key,
      epoch: environments.epoch,
      revision: environments.revision,
    })
    .execute();
  return commits.map(({ project, environment, revision }) => {
    const row = taken.find(({ key }) => key === environment);
    assert(
      row?.revision === revision,
      `${project}/${environment} is not at revision ${revision - 1} in the database`,
    );
    return { id: row.id, epoch: row.epoch };
  });
}

function projectStatements(database: Database, rows: DraftRows, stamp: number): Statement[] {
  return [
    ...rows.projects.map((project) =>
      database
        .insert(projects)
        .values({ ...project, stamp })
        .onConflictDoUpdate({ target: projects.key, set: { ...project, stamp } }),
    ),
    ...rows.environments.map((environment) =>
      database
        .insert(environments)
        .values({ ...environment, floorAt: environment.createdAt, revision: 0, historyFloor: 0 })
        .onConflictDoUpdate({ target: [environments.project, environments.key], set: environment }),
    ),
    ...inParts(rows.flags).map((some) =>
      database
        .insert(flags)
        .values(some.map((row) => ({ ...row, stamp })))
        .onConflictDoUpdate({ target: [flags.project, flags.key], set: excluded('document', 'stamp') }),
    ),
  ];
}

function commitStatements(
  database: Database,
  environment: number | undefined,
  commit: CommitRows,
  stamp: number,
): Statement[] {
  assert(environment !== undefined, 'a commit has no environment');
  return [
    ...placeStatements(database, environment, commit, stamp),
    ...logStatements(database, environment, commit),
  ];
}

function placeStatements(
  database: Database,
  environment: number,
  commit: CommitRows,
  stamp: number,
): Statement[] {
  const replacement = excluded('version', 'document', 'stamp');
  return [
    ...inParts(commit.removedConfigurations).map((some) =>
      database
        .delete(configurations)
        .where(and(eq(configurations.environment, environment), inArray(configurations.flag, [...some]))),
    ),
    ...inParts(commit.configurations).map((some) =>
      database
        .insert(configurations)
        .values(some.map((row) => ({ environment, ...row, stamp })))
        .onConflictDoUpdate({ target: [configurations.environment, configurations.flag], set: replacement }),
    ),
    ...inParts(commit.removedSegments).map((some) =>
      database
        .delete(segments)
        .where(and(eq(segments.environment, environment), inArray(segments.key, [...some]))),
    ),
    ...inParts(commit.segments).map((some) =>
      database
        .insert(segments)
        .values(some.map((row) => ({ environment, ...row, stamp })))
        .onConflictDoUpdate({ target: [segments.environment, segments.key], set: replacement }),
    ),
  ];
}

function logStatements(database: Database, environment: number, commit: CommitRows): Statement[] {
  return [
    database.insert(changes).values({ environment, ...commit.change }),
    ...inParts(commit.definitions).map((some) =>
      database
        .insert(definitions)
        .values(some.map((row) => ({ environment, ...row })))
        .onConflictDoUpdate({
          target: [definitions.environment, definitions.kind, definitions.key],
          set: excluded('version', 'document'),
        }),
    ),
    ...inParts(commit.changedObjects).map((some) =>
      database.insert(changedObjects).values(some.map((row) => ({ environment, ...row }))),
    ),
  ];
}

/** Keys that go before keys that come: one may have the hash of the other. */
function keyStatements(database: Database, rows: DraftRows): Statement[] {
  return [
    ...inParts(rows.revokedKeys).map((some) =>
      database.delete(apiKeys).where(inArray(apiKeys.id, [...some])),
    ),
    ...rows.keys.map((key) =>
      database.insert(apiKeys).values(key).onConflictDoUpdate({ target: apiKeys.id, set: key }),
    ),
  ];
}

/** The values that an insert proposed, for columns whose names in code and table are the same. */
function excluded<Name extends string>(...names: readonly Name[]) {
  const entries = names.map((name) => [name, sql.raw(`excluded.${name}`)] as const);
  return Object.fromEntries(entries);
}

function inParts<T>(rows: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let start = 0; start < rows.length; start += ROWS_MAX) parts.push(rows.slice(start, start + ROWS_MAX));
  return parts;
}
