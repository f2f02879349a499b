import { createHash } from 'node:crypto';
import type { SQL } from 'drizzle-orm';
import { eq, sql } from 'drizzle-orm';
import type { TransactRequest } from '../storage.ts';
import type { Database } from './connections.ts';
import { SERVER } from './server-process.ts';
import { assertDurable } from './session-settings.ts';
import { projects } from './tables.ts';

/*
 * Every transaction that writes takes its locks in this order, so that no two wait for each other: the one of the
 * catalog, the row of its project, rows of environments by their id. Before them the one of its Idempotency-Key, which
 * nobody waits for. All of them end with the transaction: a pooler may give the connection away then.
 */

/** Of the advisory lock of the catalog. Advisory, because a shared lock of its one row would write that row. */
const CATALOG_LOCK = 4_400_002;

/** Of advisory locks of Idempotency-Keys; what follows is a hash of the key. */
const REPLY_LOCKS = 4_400;

/** Writers of flags share the catalog; a writer of projects or keys has it alone. */
export type CatalogLock = 'shared' | 'alone';

/** The stamps of what a planner will see, under their locks: nobody else moves them before this transaction ends. */
export interface LockedStamps {
  readonly catalog: number;
  /** `undefined` where the project does not exist, or none was asked for. */
  readonly project: number | undefined;
  /** Which process of PostgreSQL holds them: what was read from another is no base for anything. */
  readonly server: string;
}

/**
 * Takes the locks of a transaction.
 *
 * @returns `undefined`, at once, where another transaction has the request's Idempotency-Key.
 * @throws StorageFault where this transaction would not wait for the disk when it commits.
 */
export async function lock(
  database: Database,
  request: Pick<TransactRequest, 'project' | 'actor' | 'idempotency'>,
  catalogLock: CatalogLock,
): Promise<LockedStamps | undefined> {
  const isFree = lockOfReply(request);
  const [isOurs, stamps] = await Promise.all([
    takeLocks(database, isFree, catalogLock),
    // Its own statement: what it sees was committed before it began, so after the locks above were had.
    lockStamps(database, isFree, request.project),
  ]);
  return isOurs ? stamps : undefined;
}

/** Takes the lock of the request's Idempotency-Key, unless another has it. Whoever has it may take it again. */
function lockOfReply({ actor, idempotency }: Pick<TransactRequest, 'actor' | 'idempotency'>): SQL {
  if (idempotency === undefined) return sql`true`;
  return sql`pg_try_advisory_xact_lock(${REPLY_LOCKS}, ${hashOf(actor.id, idempotency.key)})`;
}

/** @returns Whether the Idempotency-Key is this transaction's. Where it is not, no other lock is waited for. */
async function takeLocks(database: Database, isFree: SQL, catalogLock: CatalogLock): Promise<boolean> {
  const ofCatalog =
    catalogLock === 'alone'
      ? sql`pg_advisory_xact_lock(${CATALOG_LOCK})`
      : sql`pg_advisory_xact_lock_shared(${CATALOG_LOCK})`;
  const { rows } = await database
    .execute<{ ours: boolean }>(
      sql`select case when ${isFree} then ${ofCatalog} is not null else false end as ours`,
    )
    .execute();
  return rows[0]?.ours === true;
}

async function lockStamps(database: Database, isFree: SQL, project: string | null): Promise<LockedStamps> {
  const { rows } = await database.execute<{
    catalog: string;
    project: string | null;
    durability: string;
    server: string;
  }>(sql`
    select catalog.stamp as catalog, locked.stamp as project, current_setting('synchronous_commit') as durability,
           ${SERVER} as server
    from catalog left join lateral
      (select stamp from projects where key = ${project} and ${isFree} for no key update) as locked on true`);
  const [row] = rows;
  assertDurable(row?.durability);
  return {
    catalog: Number(row?.catalog),
    project: row?.project == null ? undefined : Number(row.project),
    server: row?.server ?? '',
  };
}

/** Takes the lock of a project's row. @returns Its stamp; `undefined` where there is no such project. */
export async function lockProject(database: Database, key: string): Promise<number | undefined> {
  const [row] = await database
    .select({ stamp: projects.stamp })
    .from(projects)
    .where(eq(projects.key, key))
    .for('no key update');
  return row?.stamp;
}

/** 32 bits: of two keys that meet one may be told that it is in flight, though it is not. Its repeat heals that. */
function hashOf(actor: string, key: string): number {
  return createHash('sha256')
    .update(JSON.stringify([actor, key]))
    .digest()
    .readInt32BE(0);
}
