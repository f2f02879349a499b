import { projectNotFound } from '../changes/rejections.ts';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { environmentOf } from '../environments/project-state.ts';
import type { Storage } from '../storage/storage.ts';

/** The project as it is now, or PROJECT_NOT_FOUND. */
export async function readProject(
  storage: Pick<Storage, 'read'>,
  project: string,
): Promise<Result<ProjectState>> {
  const state = await storage.read(project);
  return state === undefined ? rejected(projectNotFound(project)) : accepted(state);
}

/** One environment of a project as it is now, or the rejection that says which of the two is missing. */
export async function readEnvironment(
  storage: Pick<Storage, 'read'>,
  project: string,
  environment: string,
): Promise<Result<EnvironmentState>> {
  const state = await readProject(storage, project);
  return state.ok ? environmentOf(state.value, environment) : state;
}
