import type { Versioned } from '@dimmer/schema';
import type { StagedObject } from './snapshot.ts';

/**
 * What a stream has sent since its last commit. A list that grows at its head, so that a state of the
 * machine stays a value: adding one object copies nothing.
 */
export interface Staging<Item extends Versioned> {
  /** Characters of data that were staged. */
  readonly size: number;
  readonly last: StagedNode<Item> | null;
}

interface StagedNode<Item extends Versioned> {
  readonly object: StagedObject<Item>;
  readonly before: StagedNode<Item> | null;
}

export const NOTHING_STAGED: Staging<never> = { size: 0, last: null };

/** One object more. */
export function stage<Item extends Versioned>(
  staging: Staging<Item>,
  object: StagedObject<Item>,
  size: number,
): Staging<Item> {
  return { size: staging.size + size, last: { object, before: staging.last } };
}

/** The staged objects in the order in which they came. */
export function inOrder<Item extends Versioned>(staging: Staging<Item>): readonly StagedObject<Item>[] {
  const objects: StagedObject<Item>[] = [];
  for (let node = staging.last; node !== null; node = node.before) objects.push(node.object);
  return objects.reverse();
}
