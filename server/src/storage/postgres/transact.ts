import { and, eq, sql } from 'drizzle-orm';
import type { Result } from '../../changes/result.ts';
import { accepted, rejected } from '../../changes/result.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Catalog } from '../catalog.ts';
import { recordOf } from '../draft-record.ts';
import type { StoredReply } from '../idempotency.ts';
import { IN_FLIGHT, replayOf } from '../idempotency.ts';
import { leaseLost } from '../lease-store.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { DraftRows } from '../rows/draft-rows.ts';
import { draftRowsOf } from '../rows/draft-rows.ts';
import type { ReplyRow } from '../rows/reply-rows.ts';
import { replyRowOf, storedReplyOf } from '../rows/reply-rows.ts';
import type { Draft, TransactOutcome, TransactRequest } from '../storage.ts';
import type { Committed } from './commit-watch.ts';
import { notifyCommits } from './commit-watch.ts';
import type { Database } from './connections.ts';
import type { CatalogLock } from './locks.ts';
import { lock, lockProject } from './locks.ts';
import { isCurrent } from './postgres-leases.ts';
import type { Remembered, StampedRecord } from './remembered.ts';
import { catalog, projects, replies } from './tables.ts';
import { writeDraft } from './write-draft.ts';

/** What a transaction decided and wrote. */
export interface Written {
  readonly outcome: TransactOutcome;
  /** Absent where there was nothing to write but a reply. */
  readonly commit?: WrittenDraft;
}

interface WrittenDraft extends StampedRecord {
  /** In the order of the draft. */
  readonly reached: readonly Committed[];
}

export interface WriteParts {
  readonly database: Database;
  /** The answer to BEGIN. */
  readonly begun: Promise<unknown>;
  readonly request: TransactRequest;
  readonly catalogLock: CatalogLock;
  readonly clock: Clock;
  readonly onDamage: DamageListener;
  readonly remembered: Remembered;
}

/**
 * Runs a planner on what the rows say under the locks of the transaction, and writes its draft. It must run inside a
 * transaction.
 *
 * @returns `undefined`, with nothing written, where the draft writes the catalog and shares it with others.
 */
export async function writeRequest(parts: WriteParts): Promise<Result<Written> | undefined> {
  const { database, request, catalogLock, remembered } = parts;
  const { idempotency, lease } = request;
  const [stamps, earlier] = await Promise.all([
    lock(database, request, catalogLock),
    findReply(parts),
    parts.begun,
  ]);
  // Whoever would take the lease over waits from here on for the end of this transaction.
  if (lease !== undefined && !(await isCurrent(database, lease))) return rejected(leaseLost(lease));
  const now = parts.clock.now();
  const replay = idempotency && replayOf(idempotency, earlier, now);
  // Also while another repeat has the key: what was answered stays so.
  if (replay !== undefined) return replay.ok ? accepted({ outcome: replay.value }) : replay;
  if (stamps === undefined) return rejected(IN_FLIGHT);
  remembered.meet(stamps.server);
  const known = await remembered.catalogAt(database, stamps.catalog);
  const project =
    request.project === null
      ? undefined
      : await remembered.projectAt(database, request.project, stamps.project);
  const planned = request.plan({ now, projects: known.projects, project, keys: known.keys });
  if (!planned.ok) return planned;
  const { draft, reply } = planned.value;
  if (draft !== null && catalogLock === 'shared' && writesCatalog(draft)) return undefined;
  const ground = { catalog: known, catalogStamp: stamps.catalog, projectStamp: stamps.project, now };
  const commit = draft === null ? undefined : await writePlanned(parts, draft, ground);
  const kept = replyRowOf(request, reply, now);
  if (kept !== undefined) await putReply(database, kept);
  return accepted({ outcome: { reply, replayed: false }, ...(commit && { commit }) });
}

async function writePlanned(
  parts: WriteParts,
  draft: Draft,
  ground: {
    readonly catalog: Catalog;
    readonly catalogStamp: number;
    readonly projectStamp: number | undefined;
    readonly now: number;
  },
): Promise<WrittenDraft> {
  const { database, request, remembered } = parts;
  const key = request.project ?? draft.project?.key;
  const stampBefore =
    request.project === null && key !== undefined ? await lockProject(database, key) : ground.projectStamp;
  const state = key === undefined ? undefined : await remembered.projectAt(database, key, stampBefore);
  const record = recordOf(draft, { catalog: ground.catalog, state, now: ground.now, actor: request.actor });
  const projectStamp = (stampBefore ?? 0) + 1;
  const catalogStamp = ground.catalogStamp + (writesCatalog(draft) ? 1 : 0);
  const rows = draftRowsOf(draft, record);
  const ids = await writeDraft(database, rows, projectStamp);
  const reached = rows.commits.flatMap(({ project, environment, revision, change }, index) => {
    const taken = ids[index];
    return taken === undefined ? [] : [{ ...taken, project, environment, revision, at: change.at }];
  });
  await Promise.all([
    record.project === null ? undefined : stampProject(database, record.project, projectStamp, rows),
    writesCatalog(draft) ? database.update(catalog).set({ stamp: catalogStamp }).execute() : undefined,
    notifyCommits(database, reached),
  ]);
  return { record, projectStamp, catalogStamp, reached };
}

async function stampProject(
  database: Database,
  key: string,
  stamp: number,
  { commits }: DraftRows,
): Promise<void> {
  const isRemoving = commits.some(
    ({ removedConfigurations, removedSegments }) => removedConfigurations.length + removedSegments.length > 0,
  );
  await database
    .update(projects)
    .set({ stamp, ...(isRemoving && { removalStamp: stamp }) })
    .where(eq(projects.key, key))
    .execute();
}

function writesCatalog({ project, keys = [], revokedKeys = [] }: Draft): boolean {
  return project !== undefined || keys.length + revokedKeys.length > 0;
}

async function findReply({ database, request, onDamage }: WriteParts): Promise<StoredReply | undefined> {
  const { actor, idempotency } = request;
  if (idempotency === undefined) return undefined;
  const [row] = await database
    .select()
    .from(replies)
    .where(and(eq(replies.actor, actor.id), eq(replies.key, idempotency.key)))
    .execute();
  return storedReplyOf(row, onDamage);
}

async function putReply(database: Database, row: ReplyRow): Promise<void> {
  await database
    .insert(replies)
    .values(row)
    .onConflictDoUpdate({
      target: [replies.actor, replies.key],
      set: { fingerprint: sql`excluded.fingerprint`, reply: sql`excluded.reply`, at: sql`excluded.at` },
    });
}
