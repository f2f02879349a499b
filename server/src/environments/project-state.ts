import { environmentNotFound } from '../changes/rejections.ts';
import { accepted, type Result, rejected } from '../changes/result.ts';
import type { EnvironmentFlag, Flag } from '../flags/flag.ts';
import type { EnvironmentSegment } from '../segments/segment.ts';
import type { Environment, EnvironmentState, ProjectState } from './environment.ts';
import { LayeredMap } from './layered-map.ts';

/** The state of an environment that holds nothing yet. */
export function emptyState(environment: Environment): EnvironmentState {
  return { environment, revision: 0, historyFloor: 0, flags: new Map(), segments: new Map() };
}

/** The environment, or ENVIRONMENT_NOT_FOUND. */
export function environmentOf(state: ProjectState, key: string): Result<EnvironmentState> {
  const environment = state.environments.get(key);
  return environment === undefined
    ? rejected(environmentNotFound(key, state.project.key))
    : accepted(environment);
}

/** The state with one flag added or replaced. */
export function withFlag(state: ProjectState, flag: Flag): ProjectState {
  return { ...state, flags: withEntry(state.flags, flag.key, flag) };
}

/** The state with one environment added or replaced. */
export function withEnvironment(state: ProjectState, next: EnvironmentState): ProjectState {
  return { ...state, environments: new Map(state.environments).set(next.environment.key, next) };
}

/** The environment with one flag's place added or replaced. */
export function withPlace(
  environment: EnvironmentState,
  key: string,
  place: EnvironmentFlag,
): EnvironmentState {
  return { ...environment, flags: withEntry(environment.flags, key, place) };
}

/** The environment with some flags' places added or replaced. */
export function withPlaces(
  environment: EnvironmentState,
  places: ReadonlyMap<string, EnvironmentFlag>,
): EnvironmentState {
  return { ...environment, flags: new LayeredMap(environment.flags, places) };
}

/** The environment with one segment added, replaced, or removed where it is `null`. */
export function withSegment(
  environment: EnvironmentState,
  key: string,
  segment: EnvironmentSegment | null,
): EnvironmentState {
  return { ...environment, segments: withEntry(environment.segments, key, segment) };
}

/** The state with every environment passed through `change`. */
export function mapEnvironments(
  state: ProjectState,
  change: (environment: EnvironmentState) => EnvironmentState,
): ProjectState {
  const changed = [...state.environments].map(([key, environment]) => [key, change(environment)] as const);
  return { ...state, environments: new Map(changed) };
}

/**
 * The key of `keys` that is the same but for case.
 *
 * @example keyLike(['Checkout'], 'checkout') // 'Checkout'
 */
export function keyLike(keys: Iterable<string>, key: string): string | undefined {
  const folded = key.toLowerCase();
  for (const candidate of keys) {
    if (candidate.length === key.length && candidate.toLowerCase() === folded) return candidate;
  }
  return undefined;
}

function withEntry<T>(map: ReadonlyMap<string, T>, key: string, value: T | null): ReadonlyMap<string, T> {
  return new LayeredMap(map, new Map([[key, value]]));
}
