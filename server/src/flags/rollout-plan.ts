import { planRanges } from '@dimmer/evaluator';
import { BUCKETING_ALGORITHM } from '@dimmer/schema';
import type { RolloutInput, RuleInput, ServeInput } from '@dimmer/schema/rest';
import type { Rollout, Rule, Serve } from './flag.ts';

/**
 * Plans what a rule or the fallthrough shall serve.
 *
 * @param previous - What it replaces: its rollout lends the seed and the ranges that the input leaves out.
 */
export function plannedServe(asked: ServeInput, previous: Serve | undefined, newSeed: () => number): Serve {
  if ('variation' in asked) return asked;
  const replaced = previous !== undefined && 'rollout' in previous ? previous.rollout : undefined;
  return { rollout: plannedRollout(asked.rollout, replaced, newSeed) };
}

/** Plans every rule from the rule of the same id that it replaces. */
export function plannedRules(
  asked: readonly RuleInput[],
  previous: readonly Rule[],
  newSeed: () => number,
): Rule[] {
  const byId = new Map(previous.map((rule) => [rule.id, rule]));
  return asked.map(({ id, when, serve }) => ({
    id,
    when,
    serve: plannedServe(serve, byId.get(id)?.serve, newSeed),
  }));
}

/** Another seed deals the buckets anew, so the ranges of the old one are no place to start from. */
function plannedRollout(asked: RolloutInput, replaced: Rollout | undefined, newSeed: () => number): Rollout {
  const seed = asked.seed ?? replaced?.seed ?? newSeed();
  const start = asked.ranges ?? (replaced?.seed === seed ? replaced.ranges : undefined);
  return {
    by: asked.by,
    weights: asked.weights,
    algorithm: BUCKETING_ALGORITHM,
    seed,
    ranges: planRanges(asked.weights, start),
  };
}
