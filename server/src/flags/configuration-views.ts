import type { ConfigurationView } from '@dimmer/schema/rest';
import type { ConfiguredFlag } from './find-flag.ts';
import type { Configuration, Kill, Rollout, Rule, Serve } from './flag.ts';

/** @example configurationView(configured) // { flag: 'checkout-v2', environment: 'production', ... } */
export function configurationView({ environment, flag, place }: ConfiguredFlag): ConfigurationView {
  return {
    flag: flag.key,
    environment: environment.environment.key,
    ...editableView(place.configuration),
    kill: killView(place.kill),
    version: place.version,
    revision: environment.revision,
  };
}

/** The fields of a configuration that can be edited. */
export type EditableView = Pick<
  ConfigurationView,
  'enabled' | 'offVariation' | 'prerequisites' | 'targets' | 'rules' | 'fallthrough'
>;

/** A configuration as it can be edited and sent back. */
export function editableView(configuration: Configuration): EditableView {
  return {
    enabled: configuration.enabled,
    offVariation: configuration.offVariation,
    prerequisites: configuration.prerequisites.map(({ flag, variation }) => ({ flag, variation })),
    targets: configuration.targets.map(({ variation, by, values }) => ({
      variation,
      by,
      values: [...values],
    })),
    rules: configuration.rules.map(ruleView),
    fallthrough: serveView(configuration.fallthrough),
  };
}

export function killView(kill: Kill | null): ConfigurationView['kill'] {
  return kill === null ? null : { ...kill };
}

function ruleView({ id, when, serve }: Rule): ConfigurationView['rules'][number] {
  return { id, when, serve: serveView(serve) };
}

function serveView(serve: Serve): ConfigurationView['fallthrough'] {
  return 'variation' in serve ? { variation: serve.variation } : { rollout: rolloutView(serve.rollout) };
}

function rolloutView({ by, weights, seed, algorithm, ranges }: Rollout) {
  const rows = ranges.map(([start, end, variation]): [number, number, string] => [start, end, variation]);
  return { by, weights: { ...weights }, seed, algorithm, ranges: rows };
}
