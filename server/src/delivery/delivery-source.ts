import type { WireObject } from '@dimmer/schema';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { CommitListener, EnvironmentStanding, StoredSnapshot } from '../storage/storage.ts';

/** What one change did to one object, as delivery needs it. */
export interface DeliveredObject {
  readonly kind: string;
  readonly key: string;
  /** What SDKs receive; `null` is a removal. */
  readonly definition: WireObject | null;
}

/** One step of an environment, as delivery needs it. A storage's `Change` is one. */
export interface DeliveredChange {
  readonly revision: number;
  /** The revision that it follows on. Left out: the one before. A relay may have been told of several at once. */
  readonly from?: number;
  /** ISO 8601. */
  readonly at: string;
  /** Whether a flag was killed by it. */
  readonly kill: boolean;
  readonly objects: readonly DeliveredObject[];
}

/** Where an environment is, as delivery needs it. */
export type Standing = Pick<EnvironmentStanding, 'project' | 'environment' | 'epoch' | 'revision'>;

/** An environment, as delivery needs it. A storage's snapshot is one. */
export interface DeliveredSnapshot extends StoredSnapshot {
  /**
   * What streams go on in: from an epoch to another one of the same lineage they cross (BG8), for any other they end. Left
   * out: the epoch.
   */
  readonly lineage?: string;
}

/** What delivery reads environments from: a storage, or a relay's copies. */
export interface DeliverySource {
  /** Objects and tombstones come in no particular order. `undefined`: there is no such environment. */
  snapshot(environment: EnvironmentRef): Promise<DeliveredSnapshot | undefined>;
  /** Changes above `revision`, in order, at most `limit`. */
  changesAfter(
    environment: EnvironmentRef,
    revision: number,
    limit: number,
  ): Promise<readonly DeliveredChange[]>;
  /**
   * Where every environment is, in one question, so that many that rest cost no more than one. Left out: each is asked for
   * its changes.
   */
  environments?(): Promise<readonly Standing[]>;
  /** @returns A function that ends the subscription. */
  onCommit(listener: CommitListener): () => void;
  /** Resolves when the source answers. */
  ping(): Promise<void>;
  /**
   * When an answer of this moment was last known to be the newest, in milliseconds since the Unix epoch. Left out:
   * every answer is, when it is given.
   */
  confirmedAt?(environment: EnvironmentRef): number | undefined;
}
