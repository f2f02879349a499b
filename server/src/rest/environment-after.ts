import assert from 'node:assert/strict';
import type { CommitOutcome } from '../changes/commit.ts';
import type { EnvironmentState } from '../environments/environment.ts';

/** The environment as a commit leaves it. An edit that was accepted has found it, so it is there. */
export function environmentAfter({ after }: Pick<CommitOutcome, 'after'>, key: string): EnvironmentState {
  const environment = after.environments.get(key);
  assert(environment !== undefined, `the environment ${key} is gone after an edit of it`);
  return environment;
}
