import type { Cursor } from '@dimmer/schema';

/** What a reader asks for: a revision, or where it was when its stream ended. */
export interface LiveWish {
  /** `undefined`: from now on. */
  readonly since: number | undefined;
  readonly cursor: Cursor | undefined;
}

/** What can be told of an environment. */
export interface LiveReach {
  readonly epoch: string;
  readonly revision: number;
  /** The oldest revision that the history reaches. */
  readonly historyFloor: number;
}

/**
 * After which revision a stream begins to tell. Every wish has an answer: what the history does not hold any more is left
 * out, and a place in another epoch or in the future is no place here, so that only what is new is told.
 *
 * @example sinceOf({ since: 3, cursor: undefined }, { epoch: 'k3v9', revision: 42, historyFloor: 10 }) // 10
 */
export function sinceOf({ since, cursor }: LiveWish, { epoch, revision, historyFloor }: LiveReach): number {
  // A browser repeats the address with its `since` when it comes back, and says in the cursor how far it got.
  const wished = cursor === undefined ? since : cursor.epoch === epoch ? cursor.revision : undefined;
  if (wished === undefined || wished > revision) return revision;
  return Math.max(wished, historyFloor);
}
