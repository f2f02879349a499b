import { timingSafeEqual } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';

/** The keys, in memory. */
export interface KeyDirectory {
  /**
   * Finds a key by its secret.
   *
   * @param hash - SHA-256 of the secret, hex.
   * @throws StorageFault where the keys are not known yet and storage does not answer: then nobody can say
   *   that a key is wrong.
   */
  find(hash: string): Promise<ApiKey | undefined>;
  /**
   * Every key, expired ones among them.
   *
   * @throws StorageFault as {@link KeyDirectory.find} does.
   */
  all(): Promise<Iterable<ApiKey>>;
  /** Forgets everything after keys were written, so that the next request sees them. */
  invalidate(): void;
}

/** Keeps the keys of a storage in memory; they are read at the first use and after each {@link KeyDirectory.invalidate}. */
export function createKeyDirectory(storage: Pick<Storage, 'keys'>): KeyDirectory {
  let loading: Promise<ReadonlyMap<string, ApiKey>> | undefined;
  const load = (): Promise<ReadonlyMap<string, ApiKey>> => {
    const attempt = storage.keys().then((keys) => new Map(keys.map((key) => [key.hash, key])));
    attempt.catch(() => {
      // A failed load is not kept: the next request tries again.
      if (loading === attempt) loading = undefined;
    });
    loading = attempt;
    return attempt;
  };
  const known = (): Promise<ReadonlyMap<string, ApiKey>> => loading ?? load();
  return {
    find: async (hash) => {
      const key = (await known()).get(hash);
      return key !== undefined && isSameHash(key.hash, hash) ? key : undefined;
    },
    all: async () => (await known()).values(),
    invalidate: () => {
      loading = undefined;
    },
  };
}

function isSameHash(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));
}
