import type { ApiKey } from '../../access/api-key.ts';
import type { Result } from '../../changes/result.ts';
import { accepted, rejected } from '../../changes/result.ts';
import type {
  EnvironmentRef,
  EnvironmentState,
  Project,
  ProjectState,
} from '../../environments/environment.ts';
import { nameOf } from '../../environments/environment.ts';
import type { Clock } from '../../platform/clock.ts';
import { raiseFloor } from '../apply-draft.ts';
import type { Catalog } from '../catalog.ts';
import { EMPTY_CATALOG } from '../catalog.ts';
import type { CommitAnnouncer } from '../commit-announcer.ts';
import { createCommitAnnouncer } from '../commit-announcer.ts';
import type { DraftRecord } from '../draft-record.ts';
import { recordOf } from '../draft-record.ts';
import { floorFor, youngAfter } from '../history-floor.ts';
import type { StoredReply } from '../idempotency.ts';
import { REPLY_KEPT_MS, replayOf } from '../idempotency.ts';
import { leaseLost } from '../lease-store.ts';
import { ProcessLeases } from '../process-leases.ts';
import type {
  AuditEntry,
  Change,
  CommitListener,
  EnvironmentStanding,
  HistoryPolicy,
  HistoryQuery,
  ObjectAt,
  Plan,
  Storage,
  StoredSnapshot,
  TransactOutcome,
  TransactRequest,
} from '../storage.ts';
import { StorageFault } from '../storage.ts';
import type { EnvironmentLog } from './environment-log.ts';
import {
  append,
  differencesAt,
  emptyLog,
  headOf,
  revisionAt,
  selectChanges,
  truncate,
} from './environment-log.ts';
import { MemoryExposures } from './memory-exposures.ts';
import { MemoryInstances } from './memory-instances.ts';

export interface MemoryStorageOptions {
  readonly clock: Clock;
  /** Hears of commit listeners that throw. Default: nobody does. */
  readonly onBackgroundError?: (error: unknown) => void;
}

/**
 * Everything in memory, nothing on disk: the reference that every other adapter is compared with, and a
 * storage for tests and simulations. Data ends with the process.
 *
 * @example const storage = new MemoryStorage({ clock: systemClock });
 */
export class MemoryStorage implements Storage {
  readonly exposures = new MemoryExposures(
    (project, environment) => this.#states.get(project)?.environments.has(environment) === true,
  );
  readonly leases: ProcessLeases;
  readonly instances: MemoryInstances;
  readonly #clock: Clock;
  readonly #announcer: CommitAnnouncer;
  readonly #states = new Map<string, ProjectState>();
  readonly #logs = new Map<string, EnvironmentLog>();
  readonly #replies = new Map<string, StoredReply>();
  readonly #audit: AuditEntry[] = [];
  #catalog: Catalog = EMPTY_CATALOG;
  #closed = false;

  constructor(options: MemoryStorageOptions) {
    this.#clock = options.clock;
    this.leases = new ProcessLeases(options.clock);
    this.instances = new MemoryInstances(options.clock);
    this.#announcer = createCommitAnnouncer(options.onBackgroundError ?? (() => {}));
  }

  async transact(request: TransactRequest): Promise<Result<TransactOutcome>> {
    this.#assertOpen();
    const { lease } = request;
    if (lease !== undefined && !this.leases.isCurrent(lease)) return rejected(leaseLost(lease));
    const now = this.#clock.now();
    const replyName = replyNameOf(request);
    const replay = request.idempotency && replayOf(request.idempotency, this.#replies.get(replyName), now);
    if (replay !== undefined) return replay;
    const planned = request.plan({
      now,
      projects: this.#catalog.projects,
      project: request.project === null ? undefined : this.#states.get(request.project),
      keys: this.#catalog.keys,
    });
    if (!planned.ok) return planned;
    const record = this.#record(request, planned.value, now);
    if (request.idempotency !== undefined) {
      const { fingerprint } = request.idempotency;
      this.#replies.set(replyName, { fingerprint, reply: planned.value.reply, at: now });
    }
    if (record !== undefined) this.#commit(record);
    return accepted({ reply: planned.value.reply, replayed: false });
  }

  async projects(): Promise<readonly Project[]> {
    this.#assertOpen();
    return [...this.#catalog.projects.values()];
  }

  async read(project: string): Promise<ProjectState | undefined> {
    this.#assertOpen();
    return this.#states.get(project);
  }

  async environments(): Promise<readonly EnvironmentStanding[]> {
    this.#assertOpen();
    return [...this.#states].flatMap(([project, state]) =>
      [...state.environments.values()].map(
        ({ environment: { key: environment, epoch, secureMode }, revision }) => ({
          project,
          environment,
          epoch,
          revision,
          secureMode,
        }),
      ),
    );
  }

  async snapshot(environment: EnvironmentRef): Promise<StoredSnapshot | undefined> {
    const [state, log] = this.#find(environment) ?? [];
    if (state === undefined || log === undefined) return undefined;
    return {
      epoch: state.environment.epoch,
      revision: state.revision,
      historyFloor: log.floor,
      committedAt: headOf(log).at,
      objects: [...log.definitions.values()],
      tombstones: [...log.tombstones.values()],
    };
  }

  async changesAfter(
    environment: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly Change[]> {
    return this.history(environment, { after: revision, limit });
  }

  async history(environment: EnvironmentRef, query: HistoryQuery): Promise<readonly Change[]> {
    const [, log] = this.#find(environment) ?? [];
    return log === undefined ? [] : selectChanges(log, query);
  }

  async revisionAt(environment: EnvironmentRef, time: number): Promise<number | undefined> {
    const [, log] = this.#find(environment) ?? [];
    return log && revisionAt(log, time);
  }

  async differencesAt(
    environment: EnvironmentRef,
    revision: number,
  ): Promise<readonly ObjectAt[] | undefined> {
    const [, log] = this.#find(environment) ?? [];
    return log && differencesAt(log, revision);
  }

  async keys(): Promise<readonly ApiKey[]> {
    this.#assertOpen();
    return [...this.#catalog.keys.values()];
  }

  async audit(query: { readonly before?: number; readonly limit: number }): Promise<readonly AuditEntry[]> {
    this.#assertOpen();
    const { before = Number.POSITIVE_INFINITY, limit } = query;
    return this.#audit
      .filter((entry) => entry.id < before)
      .reverse()
      .slice(0, limit);
  }

  async prune(policy: HistoryPolicy): Promise<void> {
    this.#assertOpen();
    const now = this.#clock.now();
    for (const environment of await this.environments()) this.#prune(environment, policy, now);
    for (const [name, reply] of this.#replies) {
      if (reply.at <= now - REPLY_KEPT_MS) this.#replies.delete(name);
    }
  }

  onCommit(listener: CommitListener): () => void {
    return this.#announcer.subscribe(listener);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  async now(): Promise<number> {
    this.#assertOpen();
    return this.#clock.now();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #record(request: TransactRequest, plan: Plan, now: number): DraftRecord | undefined {
    if (plan.draft === null) return undefined;
    const project = request.project ?? plan.draft.project?.key;
    const state = project === undefined ? undefined : this.#states.get(project);
    return recordOf(plan.draft, { catalog: this.#catalog, state, now, actor: request.actor });
  }

  /** Nothing in here throws: a transaction is applied whole. */
  #commit({ project, state, catalog, changes, audit }: DraftRecord): void {
    this.#catalog = catalog;
    this.#audit.push({ ...audit, id: this.#audit.length + 1 });
    if (project === null || state === undefined) return;
    this.#states.set(project, state);
    for (const { environment } of state.environments.values()) {
      const name = nameOf({ project, environment: environment.key });
      if (!this.#logs.has(name)) this.#logs.set(name, emptyLog(environment));
    }
    for (const { commit, change } of changes)
      this.#append({ project, environment: commit.environment }, change);
    for (const { commit } of changes) {
      this.#announcer.announce({ project, environment: commit.environment }, commit.revision);
    }
  }

  #append(environment: EnvironmentRef, change: Change): void {
    const name = nameOf(environment);
    const log = this.#logs.get(name);
    if (log !== undefined) this.#logs.set(name, append(log, change));
  }

  #prune(ref: EnvironmentRef, policy: HistoryPolicy, now: number): void {
    const state = this.#states.get(ref.project);
    const log = this.#logs.get(nameOf(ref));
    if (state === undefined || log === undefined) return;
    const young = log.changes.find((change) => Date.parse(change.at) > youngAfter(policy, now));
    const extent = { revision: headOf(log).revision, floor: log.floor, oldestYoung: young?.revision };
    const floor = floorFor(extent, policy);
    this.#logs.set(nameOf(ref), truncate(log, floor));
    this.#states.set(ref.project, raiseFloor(state, ref.environment, floor));
  }

  #find(ref: EnvironmentRef): readonly [EnvironmentState, EnvironmentLog] | undefined {
    this.#assertOpen();
    const state = this.#states.get(ref.project)?.environments.get(ref.environment);
    const log = this.#logs.get(nameOf(ref));
    return state && log && [state, log];
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageFault('unavailable', 'The storage is closed.');
  }
}

function replyNameOf({ actor, idempotency }: TransactRequest): string {
  return JSON.stringify([actor.id, idempotency?.key]);
}
