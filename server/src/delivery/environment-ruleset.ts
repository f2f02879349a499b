import type { Ruleset } from '@dimmer/evaluator';
import { buildRuleset } from '@dimmer/evaluator';
import type { EnvironmentCopy } from './environment-copy.ts';

/** A ruleset and the revision that it was built from. */
export interface RulesetAt {
  readonly ruleset: Ruleset;
  readonly revision: number;
}

/**
 * Compiles an environment when somebody asks, and then only what differs from the last time.
 *
 * @returns A function that gives the ruleset of a copy.
 */
export function rulesetBuilder(): (copy: EnvironmentCopy) => RulesetAt {
  let last: { readonly copy: EnvironmentCopy; readonly ruleset: Ruleset } | undefined;
  return (copy) => {
    if (last?.copy !== copy) last = { copy, ruleset: buildRuleset(copy.objects.values(), last?.ruleset) };
    return { ruleset: last.ruleset, revision: copy.revision };
  };
}
