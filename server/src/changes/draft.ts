import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '@dimmer/schema';
import type { ProjectState } from '../environments/environment.ts';
import type { Flag } from '../flags/flag.ts';
import type { Draft, EnvironmentCommit } from '../storage/storage.ts';

/** What the audit log keeps of an edit. */
export interface DraftFacts {
  readonly action: string;
  readonly subject: string;
  readonly reason: string | null;
  readonly details: JsonValue;
}

/**
 * Everything that has to be written to get from one state to the other.
 *
 * @param commits - What {@link compareStates} found between the two.
 * @returns `null` when nothing differs.
 */
export function draftOf(
  before: ProjectState,
  after: ProjectState,
  commits: readonly EnvironmentCommit[],
  facts: DraftFacts,
): Draft | null {
  const project = isDeepStrictEqual(before.project, after.project) ? undefined : after.project;
  const environments = [...after.environments.values()]
    .map(({ environment }) => environment)
    .filter(
      (environment) => !isDeepStrictEqual(before.environments.get(environment.key)?.environment, environment),
    );
  const flags = writtenFlags(before, after);
  if (project === undefined && environments.length + flags.length + commits.length === 0) return null;
  return { ...facts, ...(project !== undefined && { project }), environments, flags, commits };
}

function writtenFlags(before: ProjectState, after: ProjectState): Flag[] {
  if (after.flags === before.flags) return [];
  return [...after.flags.values()].filter((flag) => {
    const previous = before.flags.get(flag.key);
    return previous !== flag && !isDeepStrictEqual(previous, flag);
  });
}
