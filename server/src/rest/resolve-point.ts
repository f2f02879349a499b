import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef, EnvironmentState } from '../environments/environment.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * The revision that a point of an environment's history stands for.
 *
 * @param point - A revision, or a time in ISO 8601: the last revision at or before it.
 * @returns The revision, or REVISION_NOT_FOUND where the kept history does not reach it.
 */
export async function resolvePoint(
  storage: Pick<Storage, 'revisionAt'>,
  ref: EnvironmentRef,
  state: EnvironmentState,
  point: number | string,
): Promise<Result<number>> {
  const revision = typeof point === 'number' ? point : await storage.revisionAt(ref, Date.parse(point));
  if (revision === undefined || revision < state.historyFloor || revision > state.revision) {
    return rejected(outsideHistory(point, state));
  }
  return accepted(revision);
}

/** Says what the kept history reaches. */
export function outsideHistory(
  point: number | string,
  { historyFloor, revision }: EnvironmentState,
): Rejection {
  return {
    code: 'REVISION_NOT_FOUND',
    detail: `${point} is outside the kept history, which goes from revision ${historyFloor} to ${revision}.`,
    remedy: `Choose a revision from ${historyFloor} to ${revision}, or a time in between.`,
  };
}
