import { diffOf } from '../changes/diff.ts';
import { projectNotFound } from '../changes/rejections.ts';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef, EnvironmentState, ProjectState } from '../environments/environment.ts';
import { environmentOf } from '../environments/project-state.ts';
import type { ObjectAt, Storage } from '../storage/storage.ts';
import { outsideHistory, resolvePoint } from './resolve-point.ts';

type Past = Pick<Storage, 'read' | 'revisionAt' | 'differencesAt'>;
type Point = number | string;

/** An environment is not written to often enough to be caught writing this many times in a row. */
const ATTEMPTS_MAX = 5;

/**
 * What differs between two points of an environment's history.
 *
 * It takes several reads. An environment that moves on between them is read again, so that all of it is of
 * one moment.
 *
 * @param to - Left out: now.
 */
export async function readDiff(
  storage: Past,
  ref: EnvironmentRef,
  from: Point,
  to: Point | undefined,
): Promise<Result<object>> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const state = await storage.read(ref.project);
    if (state === undefined) return rejected(projectNotFound(ref.project));
    const environment = environmentOf(state, ref.environment);
    if (!environment.ok) return environment;
    const diff = await diffAt(storage, ref, { state, environment: environment.value }, { from, to });
    const then = (await storage.read(ref.project))?.environments.get(ref.environment)?.revision;
    if (then === environment.value.revision) return diff;
  }
  return rejected({ code: 'UNAVAILABLE', detail: 'The environment changes faster than it can be compared.' });
}

async function diffAt(
  storage: Past,
  ref: EnvironmentRef,
  now: { readonly state: ProjectState; readonly environment: EnvironmentState },
  points: { readonly from: Point; readonly to: Point | undefined },
): Promise<Result<object>> {
  const { state, environment } = now;
  const from = await readPoint(storage, ref, environment, points.from);
  if (!from.ok) return from;
  const to = await readPoint(storage, ref, environment, points.to ?? environment.revision);
  if (!to.ok) return to;
  const objects = diffOf(state, environment, from.value.differences, to.value.differences);
  return accepted({ from: from.value.revision, to: to.value.revision, objects });
}

async function readPoint(
  storage: Past,
  ref: EnvironmentRef,
  environment: EnvironmentState,
  point: Point,
): Promise<Result<{ readonly revision: number; readonly differences: readonly ObjectAt[] }>> {
  const revision = await resolvePoint(storage, ref, environment, point);
  if (!revision.ok) return revision;
  const differences = await storage.differencesAt(ref, revision.value);
  if (differences === undefined) return rejected(outsideHistory(point, environment));
  return accepted({ revision: revision.value, differences });
}
