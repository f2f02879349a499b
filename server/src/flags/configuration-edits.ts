import type { ConfigurationInput, ConfigurationPatch } from '@dimmer/schema/rest';
import type { Edit } from '../changes/edit.ts';
import { unlessFaulty } from '../changes/fault.ts';
import type { Result } from '../changes/result.ts';
import { andThen, mapResult } from '../changes/result.ts';
import { environmentOf, withEnvironment, withPlace } from '../environments/project-state.ts';
import { faultsOfConfiguration } from './configuration-faults.ts';
import { configuredFlagOf, liveFlagOf } from './find-flag.ts';
import type { Configuration, Flag } from './flag.ts';
import { initialPlace } from './initial-place.ts';
import { plannedRules, plannedServe } from './rollout-plan.ts';

/**
 * Replaces a flag's configuration in an environment, or gives it one there. A kill stays.
 *
 * @example putConfiguration('production', 'checkout-v2', input)
 */
export function putConfiguration(environment: string, flag: string, input: ConfigurationInput): Edit {
  return (state, { newSeed }) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(liveFlagOf(state, flag), (found) => {
        const place = there.flags.get(flag) ?? initialPlace(found);
        return mapResult(configurationOf(input, found, place.configuration, newSeed), (configuration) =>
          withEnvironment(state, withPlace(there, flag, { ...place, configuration })),
        );
      }),
    );
}

/**
 * Replaces, whole, the fields of a configuration that the patch names.
 *
 * @example patchConfiguration('production', 'checkout-v2', { enabled: true })
 */
export function patchConfiguration(environment: string, flag: string, patch: ConfigurationPatch): Edit {
  return (state, { newSeed }) =>
    andThen(configuredFlagOf(state, environment, flag), ({ environment: there, flag: found, place }) =>
      mapResult(configurationOf(patch, found, place.configuration, newSeed), (configuration) =>
        withEnvironment(state, withPlace(there, flag, { ...place, configuration })),
      ),
    );
}

/**
 * The configuration that is asked for, with every rollout planned from the one that it replaces: the
 * fallthrough's, or that of the rule of the same id.
 *
 * @param asked - The fields to replace; a ConfigurationInput names them all.
 */
export function configurationOf(
  asked: ConfigurationPatch,
  flag: Flag,
  previous: Configuration,
  newSeed: () => number,
): Result<Configuration> {
  return unlessFaulty(faultsOfConfiguration(asked, flag), () => ({
    enabled: asked.enabled ?? previous.enabled,
    offVariation: asked.offVariation === undefined ? previous.offVariation : asked.offVariation,
    prerequisites: asked.prerequisites ?? previous.prerequisites,
    targets: asked.targets ?? previous.targets,
    rules: asked.rules === undefined ? previous.rules : plannedRules(asked.rules, previous.rules, newSeed),
    fallthrough:
      asked.fallthrough === undefined
        ? previous.fallthrough
        : plannedServe(asked.fallthrough, previous.fallthrough, newSeed),
  }));
}
