import { LIMITS } from '@dimmer/schema';
import type { EnvironmentInput, EnvironmentPatch } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { Edit } from '../changes/edit.ts';
import { limitFault, unlessFaulty } from '../changes/fault.ts';
import { keyExists } from '../changes/rejections.ts';
import { accepted, andThen, mapResult, type Result, rejected } from '../changes/result.ts';
import { servedFlags } from '../flags/find-flag.ts';
import type { EnvironmentFlag } from '../flags/flag.ts';
import { initialPlace } from '../flags/initial-place.ts';
import type { Environment, EnvironmentState, ProjectState } from './environment.ts';
import { emptyState, environmentOf, keyLike, withEnvironment } from './project-state.ts';

/**
 * Makes an environment. With `copyFrom` it starts as that one serves: its configurations with their seeds and
 * ranges, its kills and its segments; else every flag starts off.
 *
 * @param epoch - A random word of letters and digits.
 * @example createEnvironment({ key: 'preview', copyFrom: 'staging' }, 'k3v9')
 */
export function createEnvironment(input: EnvironmentInput, epoch: string): Edit {
  return (state, { now }) =>
    andThen(mayBeAdded(state, input.key), () =>
      andThen(sourceOf(state, input.copyFrom), (source) => {
        const environment = newEnvironment(input.key, input.name ?? input.key, epoch, now);
        const next =
          source === undefined ? initialState(state, environment) : copiedState(state, source, environment);
        return accepted(withEnvironment(state, next));
      }),
    );
}

/** @example patchEnvironment('production', { name: 'Production (EU)' }) */
export function patchEnvironment(key: string, patch: z.infer<typeof EnvironmentPatch>): Edit {
  return (state) =>
    mapResult(environmentOf(state, key), (there) => {
      const { name = there.environment.name, secureMode = there.environment.secureMode } = patch;
      const isSame = name === there.environment.name && secureMode === there.environment.secureMode;
      return isSame
        ? state
        : withEnvironment(state, { ...there, environment: { ...there.environment, name, secureMode } });
    });
}

/**
 * Gives an environment another epoch at the revision that it is at: every reader takes all of it anew, and serves it.
 *
 * @param epoch - A random word of letters and digits, which no epoch was before.
 * @example renewEpoch('production', 'k3v9')
 */
export function renewEpoch(key: string, epoch: string): Edit {
  return (state) =>
    mapResult(environmentOf(state, key), (there) =>
      withEnvironment(state, { ...there, environment: { ...there.environment, epoch } }),
    );
}

/** An environment that nothing has happened in. */
export function newEnvironment(key: string, name: string, epoch: string, createdAt: string): Environment {
  return { key, name, epoch, createdAt, secureMode: false };
}

function mayBeAdded(state: ProjectState, key: string): Result<ProjectState> {
  const taken = keyLike(state.environments.keys(), key);
  if (taken !== undefined) return rejected(keyExists('environment', taken));
  const count = state.environments.size + 1;
  const tooMany = limitFault('$.key', 'environmentsPerProject', count, 'the number of environments');
  return unlessFaulty(count > LIMITS.environmentsPerProject ? [tooMany] : [], () => state);
}

function sourceOf(state: ProjectState, key: string | undefined): Result<EnvironmentState | undefined> {
  return key === undefined ? accepted(undefined) : environmentOf(state, key);
}

function initialState(state: ProjectState, environment: Environment): EnvironmentState {
  const flags = new Map<string, EnvironmentFlag>();
  for (const flag of state.flags.values()) {
    if (flag.archivedAt === null) flags.set(flag.key, initialPlace(flag));
  }
  return { ...emptyState(environment), flags };
}

/** Archived flags stay behind: brought back, they get the initial configuration here. */
function copiedState(
  state: ProjectState,
  source: EnvironmentState,
  environment: Environment,
): EnvironmentState {
  const flags = new Map<string, EnvironmentFlag>();
  for (const { flag, place } of servedFlags(state, source)) flags.set(flag.key, { ...place, version: 0 });
  const segments = new Map([...source.segments].map(([key, place]) => [key, { ...place, version: 0 }]));
  return { ...emptyState(environment), flags, segments };
}
