import type { EnvironmentRef } from '../environments/environment.ts';
import type { CommitListener } from './storage.ts';

/** Tells listeners that an environment has moved. */
export interface CommitAnnouncer {
  /** @returns A function that ends the subscription. */
  subscribe(listener: CommitListener): () => void;
  announce(environment: EnvironmentRef, revision: number): void;
}

/**
 * @param onError - Hears of listeners that throw; they harm neither the others nor the writer.
 */
export function createCommitAnnouncer(onError: (error: unknown) => void): CommitAnnouncer {
  const subscriptions = new Set<{ readonly listener: CommitListener }>();
  return {
    subscribe(listener) {
      const subscription = { listener };
      subscriptions.add(subscription);
      return () => void subscriptions.delete(subscription);
    },
    announce(environment, revision) {
      for (const { listener } of [...subscriptions]) {
        try {
          listener(environment, revision);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
