import type { ProjectInput } from '@dimmer/schema/rest';
import { randomBase62 } from '../access/secret.ts';
import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import type { ProjectState } from '../environments/environment.ts';
import { newProject } from '../environments/project-edits.ts';
import type { Random } from '../platform/random.ts';
import type { Plan, Reply, World } from '../storage/storage.ts';

/** Long enough that no two environments ever share one. */
const EPOCH_CHARACTERS = 12;

/** A random word that names one history of an environment. */
export function newEpoch(random: Random): string {
  return randomBase62(EPOCH_CHARACTERS, random);
}

/** Plans a new project with its first environments. */
export function createProject(
  input: ProjectInput,
  random: Random,
  reply: (state: ProjectState) => Reply,
): (world: World) => Result<Plan> {
  return (world) => {
    const now = new Date(world.now).toISOString();
    const made = newProject(input, world.projects, { now, newEpoch: () => newEpoch(random) });
    if (!made.ok) return made;
    const { project, environments } = made.value;
    const draft = {
      action: 'project.create',
      reason: null,
      subject: `project/${project.key}`,
      details: null,
      project,
      environments: [...environments.values()].map(({ environment }) => environment),
    };
    return accepted({ draft, reply: reply(made.value) });
  };
}
