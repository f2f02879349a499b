import type { StoredSnapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { ValueObject } from '@dimmer/schema';
import { decodeValueSnapshot, PROTOCOL_VERSION } from '@dimmer/schema';
import type { StoragePort } from './options.ts';
import type { Values } from './values.ts';

/** The values of so many contexts are kept, the last that were used. */
const STORED_CONTEXTS_MAX = 5;

/** Values that were kept, and how long ago they were the server's. */
export type StoredValues = StoredSnapshot<ValueObject>;

/** What this browser keeps for the next page. Nothing throws: a store may be full, closed or damaged. */
export interface ValueStore {
  readonly load: (context: string) => StoredValues | undefined;
  /** @param ageMs - How long ago the values were the server's. */
  readonly save: (context: string, values: Values, ageMs: number) => void;
  /** A word that stays the same in this browser, for who has no name; made by `make` the first time. */
  readonly word: (make: () => string) => string;
}

interface Entry {
  readonly context: string;
  /** When the values were the server's, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly values: unknown;
}

const VALUES_NAME = 'dimmer';
const WORD_NAME = 'dimmer-anonymous';

export function valueStore(storage: () => StoragePort | undefined, wallNow: () => number): ValueStore {
  const read = (name: string): string | null | undefined => attempt(() => storage()?.getItem(name));
  const write = (name: string, text: string): void => attempt(() => storage()?.setItem(name, text));
  const entries = (): readonly (Entry | null)[] =>
    attempt(() => JSON.parse(read(VALUES_NAME) ?? '').filter(Boolean)) ?? [];

  return {
    load(context) {
      const entry = entries().find((other) => other?.context === context);
      return entry ? storedValues(entry.values, 'cache', wallNow() - entry.at) : undefined;
    },
    save(context, values, ageMs) {
      const document = { protocol: PROTOCOL_VERSION, ...values, objects: [...values.objects.values()] };
      const others = entries().filter((entry) => entry?.context !== context);
      const kept = [{ context, at: wallNow() - ageMs, values: document }, ...others];
      write(VALUES_NAME, JSON.stringify(kept.slice(0, STORED_CONTEXTS_MAX)));
    },
    word(make) {
      const word = read(WORD_NAME) || make();
      write(WORD_NAME, word);
      return word;
    },
  };
}

/** Values out of a document, where it adds up to its digest. @param ageMs - Where it is no age, they are new. */
export function storedValues(
  document: unknown,
  source: 'cache' | 'bootstrap',
  ageMs: number,
): StoredValues | undefined {
  const decoded = decodeValueSnapshot(document);
  const snapshot = decoded.outcome === 'decoded' ? snapshotOf(decoded.value) : undefined;
  return snapshot && { snapshot, source, ageMs: Math.max(0, ageMs) || 0, complete: true };
}

/** What `read` returns, or nothing where the browser or what was stored does not play along. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
