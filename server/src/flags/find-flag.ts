import {
  configurationNotFound,
  environmentNotFound,
  flagArchived,
  flagNotFound,
} from '../changes/rejections.ts';
import { accepted, type Result, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import type { EnvironmentFlag, Flag } from './flag.ts';

/** A flag and where it stands in one environment. */
export interface ConfiguredFlag {
  readonly environment: EnvironmentState;
  readonly flag: Flag;
  readonly place: EnvironmentFlag;
}

/** The flag, or FLAG_NOT_FOUND. */
export function flagOf(state: ProjectState, key: string): Result<Flag> {
  const flag = state.flags.get(key);
  return flag === undefined ? rejected(flagNotFound(key)) : accepted(flag);
}

/** The flag if it is not archived; else FLAG_NOT_FOUND or FLAG_ARCHIVED. */
export function liveFlagOf(state: ProjectState, key: string): Result<Flag> {
  const flag = state.flags.get(key);
  if (flag === undefined) return rejected(flagNotFound(key));
  return flag.archivedAt === null ? accepted(flag) : rejected(flagArchived(key));
}

/** A live flag with its configuration in an environment, or what is missing: environment, flag or configuration. */
export function configuredFlagOf(
  state: ProjectState,
  environmentKey: string,
  key: string,
): Result<ConfiguredFlag> {
  const environment = state.environments.get(environmentKey);
  if (environment === undefined) return rejected(environmentNotFound(environmentKey, state.project.key));
  const flag = liveFlagOf(state, key);
  if (!flag.ok) return flag;
  const place = environment.flags.get(key);
  if (place === undefined) return rejected(configurationNotFound(key, environmentKey));
  return accepted({ environment, flag: flag.value, place });
}

/** The flag if an environment serves it: configured there and not archived. */
export function servedFlag(
  state: ProjectState,
  environment: EnvironmentState,
  key: string,
): ConfiguredFlag | undefined {
  const place = environment.flags.get(key);
  return place && servedAt(state, environment, key, place);
}

/** Every flag that an environment serves, in the order of its configurations. */
export function* servedFlags(
  state: ProjectState,
  environment: EnvironmentState,
): Generator<ConfiguredFlag, void, undefined> {
  for (const [key, place] of environment.flags) {
    const served = servedAt(state, environment, key, place);
    if (served !== undefined) yield served;
  }
}

function servedAt(
  state: ProjectState,
  environment: EnvironmentState,
  key: string,
  place: EnvironmentFlag,
): ConfiguredFlag | undefined {
  const flag = state.flags.get(key);
  return flag?.archivedAt === null ? { environment, flag, place } : undefined;
}
