import { isDeepStrictEqual } from 'node:util';
import type { FlagInput, FlagPatch } from '@dimmer/schema/rest';
import type { Edit, EditContext } from '../changes/edit.ts';
import { unlessFaulty } from '../changes/fault.ts';
import { namedFields } from '../changes/named-fields.ts';
import { flagArchived, inUse, keyExists } from '../changes/rejections.ts';
import { accepted, andThen, mapResult, type Result, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { keyLike, mapEnvironments, withFlag, withPlace } from '../environments/project-state.ts';
import { usesOfVariations } from './configuration-uses.ts';
import { flagOf, servedFlag } from './find-flag.ts';
import type { Flag } from './flag.ts';
import { faultsOfFlag } from './flag-faults.ts';
import { initialPlace } from './initial-place.ts';
import { newFlag, variationsOf } from './new-flag.ts';

/**
 * Makes a flag, with a configuration in every environment: off.
 *
 * @example createFlag(FlagInput.parse({ key: 'checkout-v2' }))
 */
export function createFlag(input: FlagInput): Edit {
  return (state, context) =>
    andThen(versionToContinue(state, input), (version) =>
      mapResult(newFlag(input, context, version), (flag) =>
        mapEnvironments(withFlag(state, flag), (environment) =>
          withPlace(environment, flag.key, initialPlace(flag)),
        ),
      ),
    );
}

/**
 * Replaces, whole, the fields of a flag that the patch names. `archived` takes it out of every environment, or
 * brings it back with the configurations that it had.
 *
 * @example patchFlag('checkout-v2', { tags: ['checkout'] })
 */
export function patchFlag(key: string, patch: FlagPatch): Edit {
  return (state, context) =>
    andThen(flagOf(state, key), (flag) => {
      if (flag.archivedAt !== null && patch.archived !== false) {
        return isArchivingOnly(patch) ? accepted(state) : rejected(flagArchived(key));
      }
      return andThen(patchedFlag(state, flag, patch, context), (patched) =>
        replaceFlag(state, flag, patched),
      );
    });
}

/** Takes a flag out of every environment and keeps its configurations. Archiving an archived flag is no change. */
export function archiveFlag(key: string): Edit {
  return patchFlag(key, { archived: true });
}

/**
 * A flag with the fields of a patch, and its version raised if that makes a difference. Variations that a
 * configuration of the flag uses, in any environment, cannot go.
 */
export function patchedFlag(
  state: ProjectState,
  flag: Flag,
  patch: FlagPatch,
  { now }: EditContext,
): Result<Flag> {
  const { archived, variations, reason: _, ...fields } = patch;
  const archivedAt = archived === undefined ? flag.archivedAt : archived ? (flag.archivedAt ?? now) : null;
  const patched: Flag = {
    ...flag,
    ...namedFields(fields),
    ...(variations !== undefined && { variations: variationsOf(variations) }),
    archivedAt,
  };
  if (isDeepStrictEqual(patched, flag)) return accepted(flag);
  const users = usersOfRemovedVariations(state, flag, patched);
  if (users.length > 0) {
    return rejected(inUse(`A variation of flag "${flag.key}"`, users, 'Change these configurations first.'));
  }
  const faults = isDeepStrictEqual(
    [patched.variations, patched.valueSchema],
    [flag.variations, flag.valueSchema],
  )
    ? []
    : faultsOfFlag(patched);
  return unlessFaulty(faults, () => ({ ...patched, updatedAt: now, version: flag.version + 1 }));
}

function isArchivingOnly({ reason: _, ...patch }: FlagPatch): boolean {
  return isDeepStrictEqual(namedFields(patch), { archived: true });
}

/** Which version the new flag's count continues: 0, or that of the archived flag whose key it takes over. */
function versionToContinue(state: ProjectState, { key, reuseArchivedKey }: FlagInput): Result<number> {
  const taken = keyLike(state.flags.keys(), key);
  const holder = taken === undefined ? undefined : state.flags.get(taken);
  if (holder === undefined) return accepted(0);
  if (holder.archivedAt === null) return rejected(keyExists('flag', holder.key));
  if (!reuseArchivedKey) {
    return rejected({
      ...flagArchived(holder.key),
      remedy:
        'Bring it back with {"archived": false}, choose another key, or take it over with {"reuseArchivedKey": true}.',
    });
  }
  return holder.key === key ? accepted(holder.version) : rejected(keyExists('flag', holder.key));
}

function replaceFlag(state: ProjectState, before: Flag, after: Flag): Result<ProjectState> {
  if (after === before) return accepted(state);
  const next = withFlag(state, after);
  if (after.archivedAt !== null) return unlessPrerequisite(state, before, next);
  if (before.archivedAt === null) return accepted(next);
  const { archivedAt } = before;
  return accepted(mapEnvironments(next, (environment) => placedAgain(environment, after, archivedAt)));
}

/** Environments that were made while the flag was archived get the initial configuration. */
export function placedAgain(environment: EnvironmentState, flag: Flag, archivedAt: string): EnvironmentState {
  const isNewer = Date.parse(environment.environment.createdAt) >= Date.parse(archivedAt);
  if (!isNewer || environment.flags.has(flag.key)) return environment;
  return withPlace(environment, flag.key, initialPlace(flag));
}

function unlessPrerequisite(state: ProjectState, { key }: Flag, next: ProjectState): Result<ProjectState> {
  const users = prerequisiteUsers(state, key).map(({ text }) => text);
  return users.length === 0
    ? accepted(next)
    : rejected(
        inUse(`The flag "${key}"`, users, 'Remove it from their prerequisites, or archive them first.'),
      );
}

function usersOfRemovedVariations(state: ProjectState, before: Flag, after: Flag): string[] {
  const removed = Object.keys(before.variations).filter((name) => !Object.hasOwn(after.variations, name));
  if (removed.length === 0) return [];
  return [
    ...ownUsers(state, before.key, removed),
    ...prerequisiteUsers(state, before.key)
      .filter(({ variation }) => removed.includes(variation))
      .map(({ variation, text }) => `${text} (variation "${variation}")`),
  ];
}

function ownUsers(state: ProjectState, key: string, variations: readonly string[]): string[] {
  return [...state.environments].flatMap(([name, environment]) => {
    const place = environment.flags.get(key);
    if (place === undefined) return [];
    const uses = usesOfVariations(place.configuration);
    return variations.flatMap((variation) => {
      const use = uses.get(variation);
      return use === undefined ? [] : [`${use} in environment "${name}" (variation "${variation}")`];
    });
  });
}

/** Flags that wait for this one, with the variation that each waits for. */
function prerequisiteUsers(state: ProjectState, key: string): { variation: string; text: string }[] {
  return [...state.environments].flatMap(([name, environment]) => {
    const users: { variation: string; text: string }[] = [];
    for (const [user, { configuration }] of environment.flags) {
      for (const prerequisite of configuration.prerequisites) {
        if (prerequisite.flag !== key || servedFlag(state, environment, user) === undefined) continue;
        users.push({
          variation: prerequisite.variation,
          text: `the prerequisites of flag "${user}" in environment "${name}"`,
        });
      }
    }
    return users;
  });
}
