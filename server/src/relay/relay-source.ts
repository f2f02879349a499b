import type { DeliveredChange, DeliveredSnapshot, DeliverySource } from '../delivery/delivery-source.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { CommitListener } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import type { EnvironmentHistory } from './environment-history.ts';
import { stepsAfter } from './environment-history.ts';

/** An environment that a relay follows, as far as it is read here. */
export interface ReadEnvironment {
  readonly environment: EnvironmentRef | undefined;
  readonly history: EnvironmentHistory | undefined;
  readonly confirmedAt: number | undefined;
}

/**
 * What delivery reads in a relay: the copies that followers keep, in the place of a storage. It is read by one reader,
 * which remembers what it has read; another line of history makes it read everything anew.
 */
export class RelaySource implements DeliverySource {
  readonly #environments: () => readonly ReadEnvironment[];
  readonly #listeners = new Set<CommitListener>();
  readonly #lines = new WeakMap<ReadEnvironment, number>();

  /** @param environments - Those that are followed. */
  constructor(environments: () => readonly ReadEnvironment[]) {
    this.#environments = environments;
  }

  async snapshot(ref: EnvironmentRef): Promise<DeliveredSnapshot | undefined> {
    const followed = this.#find(ref);
    const { snapshot, line, lineage } = historyOf(followed);
    this.#lines.set(followed, line);
    const { epoch, revision, committedAt, objects } = snapshot;
    // Removals before it are not known: a reader from there is sent everything.
    return {
      epoch,
      lineage: String(lineage),
      revision,
      committedAt,
      historyFloor: revision,
      objects: [...objects.values()],
      tombstones: [],
    };
  }

  async changesAfter(
    ref: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly DeliveredChange[]> {
    const followed = this.#find(ref);
    const history = historyOf(followed);
    const isSameLine = this.#lines.get(followed) === history.line;
    const steps = isSameLine ? stepsAfter(history, revision) : undefined;
    return steps?.slice(0, limit) ?? [leadingOnFromNothing(history)];
  }

  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** An environment has moved. */
  announce({ environment, history }: ReadEnvironment): void {
    if (environment === undefined || history === undefined) return;
    for (const listener of this.#listeners) listener(environment, history.snapshot.revision);
  }

  async ping(): Promise<void> {
    if (!this.#environments().some(({ history }) => history !== undefined)) throw nothingYet();
  }

  confirmedAt(ref: EnvironmentRef): number | undefined {
    return this.#find(ref).confirmedAt;
  }

  #find({ project, environment }: EnvironmentRef): ReadEnvironment {
    const found = this.#environments().find(
      ({ environment: own }) => own?.project === project && own.environment === environment,
    );
    if (found === undefined) throw nothingYet();
    return found;
  }
}

/** A step that follows on nothing that anybody has read: the reader takes the snapshot. */
function leadingOnFromNothing({ snapshot }: EnvironmentHistory): DeliveredChange {
  const { revision, committedAt } = snapshot;
  return { revision, from: -1, at: committedAt, kill: false, objects: [] };
}

function historyOf({ history }: ReadEnvironment): EnvironmentHistory {
  if (history === undefined) throw nothingYet();
  return history;
}

function nothingYet(): StorageFault {
  return new StorageFault(
    'unavailable',
    'The upstream was never reached, and the cache holds nothing of it.',
  );
}
