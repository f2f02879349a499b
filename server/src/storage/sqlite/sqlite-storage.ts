import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { ApiKey } from '../../access/api-key.ts';
import type { Result } from '../../changes/result.ts';
import { accepted, rejected } from '../../changes/result.ts';
import type { EnvironmentRef, Project, ProjectState } from '../../environments/environment.ts';
import type { Clock } from '../../platform/clock.ts';
import { raiseFloor } from '../apply-draft.ts';
import type { Catalog } from '../catalog.ts';
import type { CommitAnnouncer } from '../commit-announcer.ts';
import { createCommitAnnouncer } from '../commit-announcer.ts';
import type { DraftRecord } from '../draft-record.ts';
import { recordOf } from '../draft-record.ts';
import type { StoredReply } from '../idempotency.ts';
import { replayOf } from '../idempotency.ts';
import { leaseLost } from '../lease-store.ts';
import { ProcessLeases } from '../process-leases.ts';
import type { DamageListener } from '../rows/damage.ts';
import { draftRowsOf } from '../rows/draft-rows.ts';
import { replyRowOf, storedReplyOf } from '../rows/reply-rows.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type {
  AuditEntry,
  Change,
  CommitListener,
  Draft,
  EnvironmentStanding,
  HistoryPolicy,
  HistoryQuery,
  ObjectAt,
  Storage,
  StoredSnapshot,
  TransactOutcome,
  TransactRequest,
} from '../storage.ts';
import { StorageFault } from '../storage.ts';
import { selectAuditEntries } from './audit-log.ts';
import { checkpointAll, startCheckpoints } from './checkpoints.ts';
import type { Database } from './database.ts';
import type { DraftStatements } from './draft-statements.ts';
import { prepareDraftStatements } from './draft-statements.ts';
import { findEnvironment } from './find-environment.ts';
import { differencesAt, revisionAt, selectChanges } from './history.ts';
import { loadCatalog } from './load-catalog.ts';
import { loadProject } from './load-project.ts';
import type { ProcessLock } from './process-lock.ts';
import { deleteOldReplies, PRUNE_STEP_REVISIONS, targetFloor, truncateHistory } from './prune.ts';
import { loadSnapshot } from './snapshot.ts';
import { SqliteExposures } from './sqlite-exposures.ts';
import { faultOf } from './sqlite-fault.ts';
import { environments } from './tables.ts';
import { writeDraft } from './write-draft.ts';

/** What {@link SqliteStorage} is made from; `openSqliteStorage` puts it together. */
export interface SqliteStorageParts {
  readonly path: string;
  readonly database: Database;
  readonly lock: ProcessLock;
  readonly clock: Clock;
  readonly checkpointIntervalMs: number;
  readonly onDamage: DamageListener;
  readonly onBackgroundError: (error: unknown) => void;
}

/** What a transaction decided and wrote. */
interface Written {
  readonly outcome: TransactOutcome;
  readonly record?: DraftRecord;
}

/**
 * One SQLite file, used by one process. The driver is synchronous, so each call runs to its end without
 * another in between, and promises are only the shape of the port.
 *
 * States are kept in memory once loaded and advanced by each committed draft; rows are read again only after
 * a start or a fault.
 */
export class SqliteStorage implements Storage {
  readonly exposures: SqliteExposures;
  readonly leases: ProcessLeases;
  readonly #path: string;
  readonly #database: Database;
  readonly #lock: ProcessLock;
  readonly #clock: Clock;
  readonly #onDamage: DamageListener;
  readonly #onBackgroundError: (error: unknown) => void;
  readonly #announcer: CommitAnnouncer;
  readonly #statements: DraftStatements;
  readonly #stopCheckpoints: () => void;
  readonly #states = new Map<string, ProjectState>();
  #catalog: Catalog | undefined;
  #closed = false;

  constructor(parts: SqliteStorageParts) {
    this.exposures = new SqliteExposures(parts.database, (work) => this.#use(work));
    this.#path = parts.path;
    this.#database = parts.database;
    this.#lock = parts.lock;
    this.#clock = parts.clock;
    this.leases = new ProcessLeases(parts.clock);
    this.#onDamage = parts.onDamage;
    this.#onBackgroundError = parts.onBackgroundError;
    this.#announcer = createCommitAnnouncer(parts.onBackgroundError);
    this.#statements = prepareDraftStatements(parts.database);
    this.#stopCheckpoints = startCheckpoints(parts.database, parts.checkpointIntervalMs, (error) =>
      parts.onBackgroundError(faultOf(error, parts.path)),
    );
  }

  async transact(request: TransactRequest): Promise<Result<TransactOutcome>> {
    const { lease } = request;
    if (lease !== undefined && !this.leases.isCurrent(lease)) return rejected(leaseLost(lease));
    const written = this.#use(() => this.#inTransaction(() => this.#write(request)));
    if (!written.ok) return written;
    const { record, outcome } = written.value;
    if (record !== undefined) this.#advance(record);
    return accepted(outcome);
  }

  async projects(): Promise<readonly Project[]> {
    return this.#use(() => [...this.#currentCatalog().projects.values()]);
  }

  async read(project: string): Promise<ProjectState | undefined> {
    return this.#use(() => this.#currentState(project));
  }

  async environments(): Promise<readonly EnvironmentStanding[]> {
    return this.#use(() =>
      this.#database
        .select({
          project: environments.project,
          environment: environments.key,
          epoch: environments.epoch,
          revision: environments.revision,
          secureMode: environments.secureMode,
        })
        .from(environments)
        .orderBy(environments.id)
        .all(),
    );
  }

  async snapshot(environment: EnvironmentRef): Promise<StoredSnapshot | undefined> {
    return this.#find(environment, (row) => loadSnapshot(this.#database, row, this.#onDamage));
  }

  async changesAfter(
    environment: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly Change[]> {
    return this.history(environment, { after: revision, limit });
  }

  async history(environment: EnvironmentRef, query: HistoryQuery): Promise<readonly Change[]> {
    const select = (row: EnvironmentRow) => selectChanges(this.#database, row, query, this.#onDamage);
    return this.#find(environment, select) ?? [];
  }

  async revisionAt(environment: EnvironmentRef, time: number): Promise<number | undefined> {
    return this.#find(environment, (row) => revisionAt(this.#database, row, time));
  }

  async differencesAt(
    environment: EnvironmentRef,
    revision: number,
  ): Promise<readonly ObjectAt[] | undefined> {
    return this.#find(environment, (row) => differencesAt(this.#database, row, revision, this.#onDamage));
  }

  async keys(): Promise<readonly ApiKey[]> {
    return this.#use(() => [...this.#currentCatalog().keys.values()]);
  }

  async audit(query: { readonly before?: number; readonly limit: number }): Promise<readonly AuditEntry[]> {
    return this.#use(() => selectAuditEntries(this.#database, query, this.#onDamage));
  }

  async prune(policy: HistoryPolicy): Promise<void> {
    const now = this.#clock.now();
    for (const environment of await this.environments()) {
      while (this.#pruneStep(environment, policy, now)) await nextTurn();
    }
    this.#use(() => deleteOldReplies(this.#database, now));
  }

  onCommit(listener: CommitListener): () => void {
    return this.#announcer.subscribe(listener);
  }

  async ping(): Promise<void> {
    this.#use(() => this.#database.get(sql`select 1`));
  }

  async now(): Promise<number> {
    return this.#use(() => this.#clock.now());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopCheckpoints();
    try {
      checkpointAll(this.#database);
    } catch (error) {
      // Nothing is lost: the next start reads the write-ahead log.
      this.#onBackgroundError(faultOf(error, this.#path));
    } finally {
      this.#database.$client.close();
      this.#lock.release();
    }
  }

  #write(request: TransactRequest): Result<Written> {
    const now = this.#clock.now();
    const { idempotency } = request;
    const replay = idempotency && replayOf(idempotency, this.#findReply(request), now);
    if (replay !== undefined) return replay.ok ? accepted({ outcome: replay.value }) : replay;
    const { projects, keys } = this.#currentCatalog();
    const project = request.project === null ? undefined : this.#currentState(request.project);
    const planned = request.plan({ now, projects, project, keys });
    if (!planned.ok) return planned;
    const { draft, reply } = planned.value;
    const record = draft === null ? undefined : this.#writeDraft(request, draft, now);
    const kept = replyRowOf(request, reply, now);
    if (kept !== undefined) this.#statements.putReply.run({ ...kept });
    return accepted({ outcome: { reply, replayed: false }, ...(record && { record }) });
  }

  #writeDraft(request: TransactRequest, draft: Draft, now: number): DraftRecord {
    const project = request.project ?? draft.project?.key;
    const state = project === undefined ? undefined : this.#currentState(project);
    const ground = { catalog: this.#currentCatalog(), state, now, actor: request.actor };
    const record = recordOf(draft, ground);
    writeDraft(this.#database, this.#statements, draftRowsOf(draft, record));
    return record;
  }

  #findReply({ actor, idempotency }: TransactRequest): StoredReply | undefined {
    const row = this.#statements.findReply.get({ actor: actor.id, key: idempotency?.key });
    return storedReplyOf(row, this.#onDamage);
  }

  /** After COMMIT, never before: what readers see must be on the disk. */
  #advance({ project, state, catalog, changes }: DraftRecord): void {
    this.#catalog = catalog;
    if (project === null || state === undefined) return;
    this.#states.set(project, state);
    for (const { commit } of changes) {
      this.#announcer.announce({ project, environment: commit.environment }, commit.revision);
    }
  }

  /** @returns Whether there is more to do. */
  #pruneStep(ref: EnvironmentRef, policy: HistoryPolicy, now: number): boolean {
    return this.#use(() => {
      const row = findEnvironment(this.#database, ref);
      if (row === undefined) return false;
      const target = targetFloor(this.#database, row, policy, now);
      const floor = Math.min(target, row.historyFloor + PRUNE_STEP_REVISIONS);
      if (floor === row.historyFloor) return false;
      this.#inTransaction(() => truncateHistory(this.#database, row, floor));
      const state = this.#states.get(ref.project);
      if (state !== undefined) this.#states.set(ref.project, raiseFloor(state, ref.environment, floor));
      return floor < target;
    });
  }

  #currentCatalog(): Catalog {
    this.#catalog ??= loadCatalog(this.#database);
    return this.#catalog;
  }

  #currentState(project: string): ProjectState | undefined {
    const known = this.#states.get(project);
    if (known !== undefined) return known;
    const loaded = loadProject(this.#database, project, this.#onDamage);
    if (loaded !== undefined) this.#states.set(project, loaded);
    return loaded;
  }

  #find<T>(ref: EnvironmentRef, read: (row: EnvironmentRow) => T): T | undefined {
    return this.#use(() => {
      const row = findEnvironment(this.#database, ref);
      return row && read(row);
    });
  }

  #inTransaction<T>(work: () => T): T {
    return this.#database.transaction(work, { behavior: 'immediate' });
  }

  /** Names the faults of the world. What memory held is read again afterwards: only the file is sure. */
  #use<T>(work: () => T): T {
    if (this.#closed) throw new StorageFault('unavailable', `The database ${this.#path} is closed.`);
    try {
      return work();
    } catch (error) {
      this.#states.clear();
      this.#catalog = undefined;
      throw faultOf(error, this.#path);
    }
  }
}
