import { and, eq, gt, inArray, isNull, lte, min, sql } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import { floorFor, youngAfter } from '../history-floor.ts';
import { REPLY_KEPT_MS } from '../idempotency.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { HistoryPolicy } from '../storage.ts';
import type { Database } from './connections.ts';
import { findEnvironment } from './find-environment.ts';
import { lockProject } from './locks.ts';
import { changedObjects, changes, definitions, environments, projects, replies } from './tables.ts';

/** How many revisions one transaction deletes at most, so that pruning never holds up a write for long. */
const PRUNE_STEP_REVISIONS = 500;

/** How many kept replies one statement deletes at most. */
const PRUNE_REPLIES_MAX = 2_000;

/**
 * Deletes some of the history of an environment that a policy does not keep. It must run inside a transaction.
 *
 * @returns Whether there is more to do.
 */
export async function pruneStep(
  database: Database,
  ref: EnvironmentRef,
  policy: HistoryPolicy,
  now: number,
): Promise<boolean> {
  const stamp = await lockProject(database, ref.project);
  const row = stamp === undefined ? undefined : await findEnvironment(database, ref);
  if (stamp === undefined || row === undefined) return false;
  const target = await targetFloor(database, row, policy, now);
  const floor = Math.min(target, row.historyFloor + PRUNE_STEP_REVISIONS);
  if (floor === row.historyFloor) return false;
  await truncateHistory(database, row, floor);
  // The floor is a part of the project's state.
  await database
    .update(projects)
    .set({ stamp: stamp + 1 })
    .where(eq(projects.key, ref.project));
  return floor < target;
}

/**
 * Deletes some of the replies that are too old to be repeated.
 *
 * @returns Whether there is more to do.
 */
export async function deleteOldReplies(database: Database, now: number): Promise<boolean> {
  const row = sql`${replies}.ctid`;
  const old = database
    .select({ row })
    .from(replies)
    .where(lte(replies.at, now - REPLY_KEPT_MS))
    .limit(PRUNE_REPLIES_MAX);
  const deleted = await database.delete(replies).where(inArray(row, old)).returning({ at: replies.at });
  return deleted.length > 0;
}

/** The floor that a policy asks for in an environment. */
async function targetFloor(
  database: Database,
  environment: EnvironmentRow,
  policy: HistoryPolicy,
  now: number,
): Promise<number> {
  const [young] = await database
    .select({ revision: min(changes.revision) })
    .from(changes)
    .where(and(eq(changes.environment, environment.id), gt(changes.at, youngAfter(policy, now))));
  const { revision, historyFloor: floor } = environment;
  return floorFor({ revision, floor, oldestYoung: young?.revision ?? undefined }, policy);
}

/** Deletes the history and the tombstones of an environment up to a floor. It must hold the lock of the project. */
async function truncateHistory(
  database: Database,
  environment: EnvironmentRow,
  floor: number,
): Promise<void> {
  const { id } = environment;
  const [last] = await database
    .select({ at: changes.at })
    .from(changes)
    .where(and(eq(changes.environment, id), eq(changes.revision, floor)));
  const floorAt = last === undefined ? environment.floorAt : new Date(last.at).toISOString();
  await database.update(environments).set({ historyFloor: floor, floorAt }).where(eq(environments.id, id));
  await database
    .delete(changedObjects)
    .where(and(eq(changedObjects.environment, id), lte(changedObjects.revision, floor)));
  await database.delete(changes).where(and(eq(changes.environment, id), lte(changes.revision, floor)));
  await database
    .delete(definitions)
    .where(
      and(eq(definitions.environment, id), isNull(definitions.document), lte(definitions.version, floor)),
    );
}
