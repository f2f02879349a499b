import type { KeyDirectory } from '../access/key-directory.ts';
import { hashOf } from '../access/secret.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { SecureMode } from '../evaluation/secure-mode.ts';
import { StorageFault } from '../storage/storage.ts';
import type { KeyList } from './key-list.ts';

/** The keys that a relay lets in. */
export interface RelayKeys extends KeyDirectory {
  /** Server keys, with what signs contexts. */
  readonly signers: Pick<KeyDirectory, 'all'>;
  /** Whether an environment is in secure mode. */
  readonly isSecure: SecureMode['isOn'];
}

/**
 * Lets in whom the upstreams let in. A key that is not known is asked about before it is refused, so that one that was
 * made a moment ago works; while an upstream is away, what is not known is doubt, and doubt is no refusal.
 */
export function createRelayKeys(lists: readonly KeyList[]): RelayKeys {
  const known = (fingerprint: string) => firstOf(lists, (list) => list.find(fingerprint));
  return {
    find: async (hash) => {
      const fingerprint = hashOf(hash);
      const found = known(fingerprint);
      if (found !== undefined) return found;
      if (lists.some((list) => list.refuses(fingerprint))) return undefined;
      await Promise.all(lists.map((list) => list.renew()));
      return known(fingerprint);
    },
    all: () => Promise.resolve(lists.flatMap((list) => [...list.all()])),
    // Keys are written elsewhere, and asked for all the time.
    refresh: () => Promise.resolve(),
    invalidate: () => {},
    signers: { all: () => Promise.resolve(lists.flatMap((list) => [...list.signers()])) },
    isSecure: async (environment) => {
      const keys = listOf(lists, environment)?.keys;
      if (keys === undefined) throw new StorageFault('unavailable', 'The upstream was never reached.');
      return keys.secureMode;
    },
  };
}

/** The list of an environment. */
export function listOf<List extends Pick<KeyList, 'environment'>>(
  lists: readonly List[],
  { project, environment }: EnvironmentRef,
): List | undefined {
  return lists.find(({ environment: own }) => own?.project === project && own.environment === environment);
}

function firstOf<From, To>(all: readonly From[], ask: (one: From) => To | undefined): To | undefined {
  for (const one of all) {
    const answer = ask(one);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
