import type { FlagDefinition, SegmentDefinition, WireObject } from '@dimmer/schema';
import fc from 'fast-check';
import type { EnvironmentRef } from '../environments/environment.ts';
import type {
  Change,
  ChangedObject,
  CommitListener,
  EnvironmentStanding,
  StoredSnapshot,
} from '../storage/storage.ts';
import { copyOf } from './environment-copy.ts';
import { flagObject } from './flag-object.fixture.ts';

export const ENVIRONMENT: EnvironmentRef = { project: 'shop', environment: 'production' };

/** What every history begins with. */
export const EMPTY_COPY = copyOf({
  epoch: 'first',
  revision: 0,
  historyFloor: 0,
  committedAt: '2023-11-14T22:13:20.000Z',
  objects: [],
  tombstones: [],
});

/** One edit of a history: an object is there afterwards, or it is not. */
export interface HistoryEdit {
  readonly kind: 'flag' | 'segment';
  readonly key: string;
  readonly present: boolean;
  /** How much longer than usual the object is, in characters. */
  readonly padding?: number;
}

/** One commit of a history. */
export interface HistoryCommit {
  readonly edits: readonly HistoryEdit[];
  readonly kill: boolean;
}

/** Few keys, so that objects come, change and go. */
export const historyCommit: fc.Arbitrary<HistoryCommit> = fc.record({
  edits: fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom('flag' as const, 'segment' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      present: fc.boolean(),
    }),
    { maxLength: 4, selector: ({ kind, key }) => `${kind}/${key}` },
  ),
  kill: fc.boolean(),
});

export const history: fc.Arbitrary<readonly HistoryCommit[]> = fc.array(historyCommit, { maxLength: 20 });

/** @example put('flag', 'checkout-v2') */
export function put(...keys: readonly string[]): HistoryCommit {
  return { edits: keys.map((key) => ({ kind: 'flag', key, present: true })), kill: false };
}

export function remove(...keys: readonly string[]): HistoryCommit {
  return { edits: keys.map((key) => ({ kind: 'flag', key, present: false })), kill: false };
}

/** A flag that is long on the wire. */
export function putLong(key: string, padding: number): HistoryCommit {
  return { edits: [{ kind: 'flag', key, present: true, padding }], kill: false };
}

function flagOf(key: string, version: number, padding = 0): FlagDefinition {
  return flagObject(key, version, padding > 0 ? { metadata: { padding: '.'.repeat(padding) } } : {});
}

function segmentOf(key: string, version: number): SegmentDefinition {
  return {
    kind: 'segment',
    key,
    version,
    by: 'targetingKey',
    included: ['user-1'],
    excluded: [],
    when: null,
  };
}

/**
 * One environment's change log, as the storage port shows it, under a test's control: it can fail, lose
 * hints, be pruned, be replaced by a restored backup, and run something between a question and its answer.
 */
export class ChangeLog {
  epoch = 'first';
  /** Thrown by every question while it is set. */
  fault: Error | undefined;
  /** Thrown by the question for the whole of an environment, by its name. */
  readonly faults = new Map<string, Error>();
  /** The environments that there are. They all have the one log. */
  readonly names = new Set([ENVIRONMENT.environment]);
  /** Whether commits are announced. */
  announces = true;
  /** Runs after the log has been read and before the reader gets its answer. */
  beforeAnswer: () => void = () => {};
  /** Runs before the whole of an environment is read. */
  beforeLoad: () => Promise<void> | undefined = () => undefined;
  /** While it is set, every question but `ping` waits for it. */
  held: Promise<void> | undefined;
  /** Thrown by `ping` while it is set. */
  pingFault: Error | undefined;
  /** How often it was asked. */
  reads = { environments: 0, snapshot: 0, changesAfter: 0 };
  #changes: Change[] = [];
  #objects = new Map<string, WireObject>();
  #tombstones = new Map<string, { kind: string; key: string; version: number }>();
  #floor = 0;
  readonly #listeners = new Set<CommitListener>();

  get revision(): number {
    return this.#changes.at(-1)?.revision ?? 0;
  }

  /** What is there now. */
  get objects(): readonly WireObject[] {
    return [...this.#objects.values()];
  }

  commit({ edits, kill }: HistoryCommit): Change {
    const revision = this.revision + 1;
    const objects = edits.map((edit) => this.#apply(edit, revision));
    const at = new Date(1_700_000_000_000 + revision * 1000).toISOString();
    const actor = { id: 'test', name: 'test' };
    const change: Change = { revision, at, actor, action: 'test', reason: null, kill, objects };
    this.#changes.push(change);
    if (this.announces) for (const listener of this.#listeners) listener(ENVIRONMENT, revision);
    return change;
  }

  /** Forgets every change, and every removal, up to `revision`. */
  prune(revision: number): void {
    this.#floor = revision;
    this.#changes = this.#changes.filter(
      (change) => change.revision > revision || change.revision === this.revision,
    );
    for (const [name, { version }] of this.#tombstones)
      if (version <= revision) this.#tombstones.delete(name);
  }

  /** Becomes another database, with another history. */
  restore(epoch: string, commits: readonly HistoryCommit[]): void {
    this.epoch = epoch;
    this.#changes = [];
    this.#objects = new Map();
    this.#tombstones = new Map();
    this.#floor = 0;
    for (const commit of commits) this.commit(commit);
  }

  async environments(): Promise<readonly EnvironmentStanding[]> {
    this.reads.environments += 1;
    const { epoch, revision } = this;
    return this.#answer(
      [...this.names].map((name) => ({
        ...ENVIRONMENT,
        environment: name,
        epoch,
        revision,
        secureMode: false,
      })),
    );
  }

  async snapshot(environment: EnvironmentRef): Promise<StoredSnapshot | undefined> {
    this.reads.snapshot += 1;
    const before = this.beforeLoad();
    if (before !== undefined) await before;
    const fault = this.faults.get(environment.environment);
    if (fault !== undefined) throw fault;
    if (!this.names.has(environment.environment)) return this.#answer(undefined);
    return this.#answer({
      epoch: this.epoch,
      revision: this.revision,
      historyFloor: this.#floor,
      committedAt: this.#changes.at(-1)?.at ?? '2023-11-14T22:13:20.000Z',
      objects: this.objects,
      tombstones: [...this.#tombstones.values()],
    });
  }

  async changesAfter(
    _environment: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly Change[]> {
    this.reads.changesAfter += 1;
    return this.#answer(this.after(revision).slice(0, limit));
  }

  /** The kept changes above `revision`. */
  after(revision: number): readonly Change[] {
    return this.#changes.filter((change) => change.revision > revision);
  }

  async ping(): Promise<void> {
    const fault = this.pingFault ?? this.fault;
    if (fault !== undefined) throw fault;
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #apply({ kind, key, present, padding }: HistoryEdit, revision: number): ChangedObject {
    const name = `${kind}/${key}`;
    const definition = present
      ? kind === 'flag'
        ? flagOf(key, revision, padding)
        : segmentOf(key, revision)
      : null;
    if (definition === null) {
      this.#objects.delete(name);
      this.#tombstones.set(name, { kind, key, version: revision });
    } else {
      this.#objects.set(name, definition);
      this.#tombstones.delete(name);
    }
    return { kind, key, before: null, after: null, definition };
  }

  async #answer<T>(answer: T): Promise<T> {
    if (this.held !== undefined) await this.held;
    if (this.fault !== undefined) throw this.fault;
    this.beforeAnswer();
    return answer;
  }
}
