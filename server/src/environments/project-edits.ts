import { LIMITS } from '@dimmer/schema';
import type { ProjectInput, ProjectPatch } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { Edit } from '../changes/edit.ts';
import { limitFault, unlessFaulty } from '../changes/fault.ts';
import { keyExists } from '../changes/rejections.ts';
import { accepted, type Result, rejected } from '../changes/result.ts';
import type { Project, ProjectState } from './environment.ts';
import { newEnvironment } from './environment-edits.ts';
import { emptyState, keyLike } from './project-state.ts';

/** The environments that every project starts with, by key. */
const FIRST_ENVIRONMENTS = {
  production: 'Production',
  staging: 'Staging',
  development: 'Development',
} as const;

/** What a new project needs from outside. */
export interface NewProjectContext {
  /** ISO 8601. */
  readonly now: string;
  /** Draws a random word of letters and digits. */
  readonly newEpoch: () => string;
}

/**
 * A project with `production`, `staging` and `development`, or why there cannot be one.
 *
 * @param existing - Every project of the server, by key.
 * @example newProject({ key: 'shop', description: '' }, world.projects, { now, newEpoch })
 */
export function newProject(
  input: ProjectInput,
  existing: ReadonlyMap<string, Project>,
  { now, newEpoch }: NewProjectContext,
): Result<ProjectState> {
  const taken = keyLike(existing.keys(), input.key);
  if (taken !== undefined) return rejected(keyExists('project', taken));
  const count = existing.size + 1;
  const tooMany = limitFault('$.key', 'projects', count, 'the number of projects');
  return unlessFaulty(count > LIMITS.projects ? [tooMany] : [], () => ({
    project: {
      key: input.key,
      name: input.name ?? input.key,
      description: input.description,
      createdAt: now,
      version: 1,
    },
    flags: new Map(),
    environments: new Map(
      Object.entries(FIRST_ENVIRONMENTS).map(([key, name]) => [
        key,
        emptyState(newEnvironment(key, name, newEpoch(), now)),
      ]),
    ),
  }));
}

/** @example patchProject({ name: 'Web shop' }) */
export function patchProject(patch: z.infer<typeof ProjectPatch>): Edit {
  return (state) => {
    const { project } = state;
    const name = patch.name ?? project.name;
    const description = patch.description ?? project.description;
    if (name === project.name && description === project.description) return accepted(state);
    return accepted({ ...state, project: { ...project, name, description, version: project.version + 1 } });
  };
}
