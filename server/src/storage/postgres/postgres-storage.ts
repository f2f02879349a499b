import assert from 'node:assert/strict';
import { asc, sql } from 'drizzle-orm';
import type { ApiKey } from '../../access/api-key.ts';
import type { Result } from '../../changes/result.ts';
import { accepted } from '../../changes/result.ts';
import type { EnvironmentRef, Project, ProjectState } from '../../environments/environment.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Catalog } from '../catalog.ts';
import type { CommitAnnouncer } from '../commit-announcer.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import type {
  AuditEntry,
  Change,
  CommitListener,
  ConnectionUse,
  EnvironmentStanding,
  HistoryPolicy,
  HistoryQuery,
  LossListener,
  ObjectAt,
  Storage,
  StoredSnapshot,
  TransactOutcome,
  TransactRequest,
} from '../storage.ts';
import { StorageFault } from '../storage.ts';
import { selectAuditEntries } from './audit-log.ts';
import type { Breaker } from './breaker.ts';
import type { CommitWatch } from './commit-watch.ts';
import type { Connections, Database, Lane } from './connections.ts';
import { inTransaction } from './connections.ts';
import { findEnvironment } from './find-environment.ts';
import { differencesAt, revisionAt, selectChanges } from './history.ts';
import type { CatalogLock } from './locks.ts';
import { PostgresExposures } from './postgres-exposures.ts';
import type { DatabaseTarget } from './postgres-fault.ts';
import { faultOf, isRepeatable, nameOf } from './postgres-fault.ts';
import { PostgresInstances } from './postgres-instances.ts';
import { PostgresLeases } from './postgres-leases.ts';
import { deleteOldReplies, pruneStep } from './prune.ts';
import { Remembered } from './remembered.ts';
import type { Retrying } from './retry-budget.ts';
import { createRetrying } from './retry-budget.ts';
import { loadSnapshot } from './snapshot.ts';
import { environments } from './tables.ts';
import type { Written } from './transact.ts';
import { writeRequest } from './transact.ts';
import { WriteQueue } from './write-queue.ts';

/** What {@link PostgresStorage} is made from; `openPostgresStorage` puts it together. */
export interface PostgresStorageParts {
  readonly target: DatabaseTarget;
  readonly connections: Connections;
  readonly breaker: Breaker;
  readonly watch: CommitWatch;
  readonly announcer: CommitAnnouncer;
  readonly clock: Clock;
  readonly onDamage: DamageListener;
}

/**
 * One PostgreSQL database, used by any number of servers. A writer holds the row of its project, so planners of one
 * project run one after the other and those of different projects side by side.
 */
export class PostgresStorage implements Storage {
  readonly exposures: PostgresExposures;
  readonly leases: PostgresLeases;
  readonly instances: PostgresInstances;
  readonly #parts: PostgresStorageParts;
  readonly #retrying: Retrying = createRetrying(isRepeatable);
  readonly #queue = new WriteQueue();
  readonly #remembered: Remembered;
  #closing: Promise<void> | undefined;

  constructor(parts: PostgresStorageParts) {
    this.#parts = parts;
    this.#remembered = new Remembered(parts.onDamage);
    parts.watch.onServer((server) => this.#remembered.meet(server));
    this.exposures = new PostgresExposures({
      use: (work) => this.#use('reports', work),
      transaction: (work) => this.#inTransaction('reports', 'write', work),
      idOf: (database, ref) => this.#remembered.ids.find(database, ref),
    });
    this.leases = new PostgresLeases((work) => this.#use('writes', work));
    this.instances = new PostgresInstances((work) => this.#use('reports', work));
  }

  async transact(request: TransactRequest): Promise<Result<TransactOutcome>> {
    const written = await this.#queue
      .run(request.project ?? 'the projects', () => this.#retrying.run(() => this.#writeAndAdvance(request)))
      .catch((error: unknown) => {
        throw faultOf(error, this.#parts.target);
      });
    return written.ok ? accepted(written.value.outcome) : written;
  }

  async projects(): Promise<readonly Project[]> {
    return [...(await this.#currentCatalog()).projects.values()];
  }

  async read(project: string): Promise<ProjectState | undefined> {
    return this.#use('reads', (database) => this.#remembered.project(database, project));
  }

  async environments(): Promise<readonly EnvironmentStanding[]> {
    return this.#use('reads', async (database) =>
      database
        .select({
          project: environments.project,
          environment: environments.key,
          epoch: environments.epoch,
          revision: environments.revision,
          secureMode: environments.secureMode,
        })
        .from(environments)
        .orderBy(asc(environments.id)),
    );
  }

  async snapshot(environment: EnvironmentRef): Promise<StoredSnapshot | undefined> {
    return this.#find(environment, async (database, row) => {
      const snapshot = await loadSnapshot(database, row, this.#parts.onDamage);
      const isDated = row.revision > row.historyFloor;
      this.#parts.watch.saw(row, isDated ? Date.parse(snapshot.committedAt) : undefined);
      return snapshot;
    });
  }

  async changesAfter(
    environment: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly Change[]> {
    return this.history(environment, { after: revision, limit });
  }

  async history(environment: EnvironmentRef, query: HistoryQuery): Promise<readonly Change[]> {
    return this.#use('reads', async (database) => {
      const id = await this.#remembered.ids.find(database, environment);
      if (id === undefined) return [];
      const name = { id, project: environment.project, key: environment.environment };
      const { epoch, changes } = await selectChanges(database, name, query, this.#parts.onDamage);
      if (epoch === undefined) return changes;
      for (const { revision, at } of changes) this.#parts.watch.saw({ id, epoch, revision }, Date.parse(at));
      return changes;
    });
  }

  async revisionAt(environment: EnvironmentRef, time: number): Promise<number | undefined> {
    return this.#find(environment, (database, row) => revisionAt(database, row, time));
  }

  async differencesAt(
    environment: EnvironmentRef,
    revision: number,
  ): Promise<readonly ObjectAt[] | undefined> {
    const { onDamage } = this.#parts;
    return this.#find(environment, (database, row) => differencesAt(database, row, revision, onDamage));
  }

  async keys(): Promise<readonly ApiKey[]> {
    return [...(await this.#currentCatalog()).keys.values()];
  }

  async audit(query: { readonly before?: number; readonly limit: number }): Promise<readonly AuditEntry[]> {
    const { onDamage } = this.#parts;
    return this.#use('reads', (database) => selectAuditEntries(database, query, onDamage));
  }

  async prune(policy: HistoryPolicy): Promise<void> {
    const now = this.#parts.clock.now();
    for (const ref of await this.environments()) {
      const step = (database: Database): Promise<boolean> => pruneStep(database, ref, policy, now);
      while (await this.#inTransaction('writes', 'write', step));
    }
    while (await this.#use('writes', (database) => deleteOldReplies(database, now)));
  }

  onCommit(listener: CommitListener): () => void {
    return this.#parts.announcer.subscribe(listener);
  }

  onLoss(listener: LossListener): () => void {
    return this.#parts.watch.onLoss(listener);
  }

  connections(): ConnectionUse {
    return this.#parts.connections.count();
  }

  async ping(): Promise<void> {
    await this.#use('reads', (database) => database.execute(sql`select 1`));
  }

  async now(): Promise<number> {
    const { rows } = await this.#use('reads', (database) =>
      database.execute<{ now: string }>(
        sql`select (extract(epoch from clock_timestamp()) * 1000)::float8::text as now`,
      ),
    );
    return Number(rows[0]?.now);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#parts.watch.stop();
    await this.#parts.connections.close();
  }

  async #writeAndAdvance(request: TransactRequest): Promise<Result<Written>> {
    const written = await this.#write(request);
    if (written.ok) this.#advance(written.value);
    return written;
  }

  /** Most writers share the catalog. One that turns out to write it begins again, alone with it. */
  async #write(request: TransactRequest): Promise<Result<Written>> {
    const shared = request.project === null ? undefined : await this.#attempt(request, 'shared');
    const written = shared ?? (await this.#attempt(request, 'alone'));
    assert(written !== undefined, 'a transaction that has the catalog alone asks for it again');
    return written;
  }

  #attempt(request: TransactRequest, catalogLock: CatalogLock): Promise<Result<Written> | undefined> {
    const { clock, onDamage } = this.#parts;
    const remembered = this.#remembered;
    return this.#run('writes', (database) =>
      inTransaction(database, 'write', (begun) =>
        writeRequest({ database, begun, request, catalogLock, clock, onDamage, remembered }),
      ),
    );
  }

  /** After COMMIT, never before: what readers see must be on the disk. */
  #advance({ commit }: Written): void {
    if (commit === undefined) return;
    this.#remembered.advance(commit);
    this.#parts.watch.announce(commit.reached);
  }

  #currentCatalog(): Promise<Catalog> {
    return this.#use('reads', (database) => this.#remembered.catalog(database));
  }

  /** Reads an environment's row and what belongs to it as they were at one moment. */
  #find<T>(
    ref: EnvironmentRef,
    read: (database: Database, row: EnvironmentRow) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#inTransaction('reads', 'snapshot', async (database) => {
      const row = await findEnvironment(database, ref);
      return row && read(database, row);
    });
  }

  #inTransaction<T>(
    lane: Lane,
    kind: 'write' | 'snapshot',
    work: (database: Database) => Promise<T>,
  ): Promise<T> {
    return this.#use(lane, (database) => inTransaction(database, kind, () => work(database)));
  }

  /** Runs work on a connection, and names the faults of the world. */
  async #use<T>(lane: Lane, work: (database: Database) => Promise<T>): Promise<T> {
    try {
      return await this.#run(lane, work);
    } catch (error) {
      throw faultOf(error, this.#parts.target);
    }
  }

  async #run<T>(lane: Lane, work: (database: Database) => Promise<T>): Promise<T> {
    const { breaker, connections, target } = this.#parts;
    if (this.#closing !== undefined) throw new StorageFault('unavailable', `${nameOf(target)} is closed.`);
    return breaker.guard(() => connections.use(lane, work));
  }
}
