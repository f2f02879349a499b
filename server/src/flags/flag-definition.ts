import type { FlagDefinition, RuleDefinition, ServeDefinition } from '@dimmer/schema';
import type { EnvironmentFlag, Flag, Rule, Serve } from './flag.ts';

/**
 * A flag in one environment as SDKs receive it: without names, weights or anything else that evaluation does
 * not need.
 *
 * @param version - The environment's revision at which the definition last changed.
 * @example definitionOf(flag, place, place.version)
 */
export function definitionOf(flag: Flag, place: EnvironmentFlag, version: number): FlagDefinition {
  const { configuration, kill } = place;
  return {
    kind: 'flag',
    key: flag.key,
    version,
    type: flag.type,
    variations: variationsOf(flag),
    enabled: configuration.enabled,
    ...(kill !== null && { killed: true }),
    offVariation: configuration.offVariation,
    prerequisites: configuration.prerequisites,
    targets: configuration.targets,
    rules: configuration.rules.map(ruleOf),
    fallthrough: serveOf(configuration.fallthrough),
    ...(Object.keys(flag.metadata).length > 0 && { metadata: flag.metadata }),
    ...(flag.exposeToClients && { exposeToClients: true }),
  };
}

function variationsOf({ variations }: Flag): FlagDefinition['variations'] {
  return Object.fromEntries(Object.entries(variations).map(([name, { value }]) => [name, { value }]));
}

function ruleOf({ id, when, serve }: Rule): RuleDefinition {
  return { id, when, serve: serveOf(serve) };
}

function serveOf(serve: Serve): ServeDefinition {
  if ('variation' in serve) return serve;
  const { by, algorithm, seed, ranges } = serve.rollout;
  return { rollout: { by, algorithm, seed, ranges } };
}
