import { and, eq, gt, isNull, lte, min } from 'drizzle-orm';
import { floorFor, youngAfter } from '../history-floor.ts';
import { REPLY_KEPT_MS } from '../idempotency.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type { HistoryPolicy } from '../storage.ts';
import type { Database } from './database.ts';
import { changedObjects, changes, definitions, environments, replies } from './tables.ts';

/** How many revisions one transaction deletes at most, so that pruning never holds up a write for long. */
export const PRUNE_STEP_REVISIONS = 500;

/** The floor that a policy asks for in an environment. */
export function targetFloor(
  database: Database,
  environment: EnvironmentRow,
  policy: HistoryPolicy,
  now: number,
): number {
  const young = database
    .select({ revision: min(changes.revision) })
    .from(changes)
    .where(and(eq(changes.environment, environment.id), gt(changes.at, youngAfter(policy, now))))
    .get();
  const { revision, historyFloor: floor } = environment;
  return floorFor({ revision, floor, oldestYoung: young?.revision ?? undefined }, policy);
}

/** Deletes the history and the tombstones of an environment up to a floor. It must run inside a transaction. */
export function truncateHistory(database: Database, environment: EnvironmentRow, floor: number): void {
  const last = database
    .select({ at: changes.at })
    .from(changes)
    .where(and(eq(changes.environment, environment.id), eq(changes.revision, floor)))
    .get();
  const floorAt = last === undefined ? environment.floorAt : new Date(last.at).toISOString();
  database
    .update(environments)
    .set({ historyFloor: floor, floorAt })
    .where(eq(environments.id, environment.id))
    .run();
  database
    .delete(changedObjects)
    .where(and(eq(changedObjects.environment, environment.id), lte(changedObjects.revision, floor)))
    .run();
  database
    .delete(changes)
    .where(and(eq(changes.environment, environment.id), lte(changes.revision, floor)))
    .run();
  database
    .delete(definitions)
    .where(
      and(
        eq(definitions.environment, environment.id),
        isNull(definitions.document),
        lte(definitions.version, floor),
      ),
    )
    .run();
}

/** Deletes the replies that are too old to be repeated. */
export function deleteOldReplies(database: Database, now: number): void {
  database
    .delete(replies)
    .where(lte(replies.at, now - REPLY_KEPT_MS))
    .run();
}
