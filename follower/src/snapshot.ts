import type { DeleteMessage, SnapshotDocument, Versioned } from '@dimmer/schema';
import { digestOf } from '@dimmer/schema';

/**
 * Everything that an environment held at one revision. It never changes: a commit makes a new one.
 *
 * @typeParam Item - What the environment holds: definitions in Node, evaluated values in a browser.
 */
export interface Snapshot<Item extends Versioned> {
  readonly epoch: string;
  readonly revision: number;
  /** When the server committed the revision, ISO 8601, server clock. */
  readonly committedAt: string;
  /** Sum over all objects, as `digestOfAll` of the schema makes it. */
  readonly digest: number;
  /** By `kind/key`. */
  readonly objects: ReadonlyMap<string, Item>;
}

/** An object that a stream has sent and not yet committed. */
export type StagedObject<Item extends Versioned> =
  | { readonly type: 'put'; readonly object: Item }
  | DeleteMessage;

/** The objects of a snapshot and their digest. */
export type Contents<Item extends Versioned> = Pick<Snapshot<Item>, 'objects' | 'digest'>;

/** What a full transfer starts from. */
export const NOTHING: Contents<never> = { objects: new Map<string, never>(), digest: 0 };

/** @example objectKey({ kind: 'flag', key: 'checkout-v2' }) // 'flag/checkout-v2' */
export function objectKey(object: Pick<Versioned, 'kind' | 'key'>): string {
  return `${object.kind}/${object.key}`;
}

/**
 * Puts staged objects on top of others. The digest follows object by object, so a change costs what it
 * touches and not what the environment holds.
 *
 * @param known - Objects of the same epoch. One that is staged again at the same version is taken from here:
 *   readers tell by identity what has changed.
 */
export function withStaged<Item extends Versioned>(
  base: Contents<Item>,
  staged: Iterable<StagedObject<Item>>,
  known: ReadonlyMap<string, Item>,
): Contents<Item> {
  const objects = new Map(base.objects);
  let digest = base.digest;
  for (const change of staged) {
    const object = change.type === 'put' ? change.object : change;
    const key = objectKey(object);
    const replaced = objects.get(key);
    if (replaced !== undefined) digest -= digestOf(replaced);
    if (change.type === 'put') {
      const same = known.get(key);
      objects.set(key, same?.version === object.version ? same : change.object);
      digest += digestOf(object);
    } else {
      objects.delete(key);
    }
  }
  return { objects, digest: digest >>> 0 };
}

/**
 * Reads a snapshot out of a document: a cache file, a bootstrap, the body of a poll.
 *
 * @returns `undefined` when the document's digest is not that of its objects: something was lost on the way.
 */
export function snapshotOf<Item extends Versioned>(
  document: SnapshotDocument<Item>,
): Snapshot<Item> | undefined {
  const puts = document.objects.map((object) => ({ type: 'put' as const, object }));
  const contents = withStaged<Item>(NOTHING, puts, NOTHING.objects);
  return contents.digest === document.digest ? { ...document, ...contents } : undefined;
}
