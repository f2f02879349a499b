import type { Condition } from '@dimmer/schema';
import type { Configuration, Serve } from './flag.ts';

/**
 * Which variations a configuration names, and where (the first place of each).
 *
 * @example usesOfVariations(configuration).get('off') // 'offVariation'
 */
export function usesOfVariations(configuration: Configuration): ReadonlyMap<string, string> {
  const uses = new Map<string, string>();
  const use = (variation: string, place: string): void => {
    if (!uses.has(variation)) uses.set(variation, place);
  };
  if (configuration.offVariation !== null) use(configuration.offVariation, 'offVariation');
  for (const target of configuration.targets) use(target.variation, 'a target');
  for (const rule of configuration.rules) {
    for (const variation of variationsOf(rule.serve)) use(variation, `rule "${rule.id}"`);
  }
  for (const variation of variationsOf(configuration.fallthrough)) use(variation, 'the fallthrough');
  return uses;
}

/** Every segment that a condition asks about. */
export function* segmentsOf(condition: Condition | null): Generator<string, void, undefined> {
  if (condition === null) return;
  if ('segment' in condition) yield condition.segment;
  else if ('not' in condition) yield* segmentsOf(condition.not);
  else if ('all' in condition) for (const part of condition.all) yield* segmentsOf(part);
  else if ('any' in condition) for (const part of condition.any) yield* segmentsOf(part);
}

function variationsOf(serve: Serve): readonly string[] {
  return 'variation' in serve ? [serve.variation] : Object.keys(serve.rollout.weights);
}
