import type { Versioned } from '@dimmer/schema';
import type { StagedObject } from './snapshot.ts';

/**
 * What a stream has sent since its last commit. A list that grows at its head, so that a state of the
 * machine stays a value: adding one object copies nothing.
 */
export interface Staged<Item extends Versioned> {
  readonly object: StagedObject<Item>;
  /** Characters of data up to here. */
  readonly size: number;
  readonly before: Staged<Item> | null;
}

/** One object more. */
export function stage<Item extends Versioned>(
  before: Staged<Item> | null,
  object: StagedObject<Item>,
  size: number,
): Staged<Item> {
  return { object, size: (before?.size ?? 0) + size, before };
}

/** The staged objects in the order in which they came. */
export function inOrder<Item extends Versioned>(last: Staged<Item> | null): readonly StagedObject<Item>[] {
  const objects: StagedObject<Item>[] = [];
  for (let staged = last; staged !== null; staged = staged.before) objects.push(staged.object);
  return objects.reverse();
}
