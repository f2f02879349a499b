import type { Ruleset } from '@dimmer/evaluator';
import { buildRuleset } from '@dimmer/evaluator';
import type { EnvironmentCopy } from './environment-copy.ts';

/** A ruleset and the moment that it was built from. Immutable. */
export interface RulesetAt extends Pick<EnvironmentCopy, 'epoch' | 'revision' | 'committedAt' | 'lastKill'> {
  readonly ruleset: Ruleset;
}

/**
 * Compiles an environment when somebody asks, and then only what differs from the last time.
 *
 * @returns A function that gives the ruleset of a copy: of the same copy, the same object.
 */
export function rulesetBuilder(): (copy: EnvironmentCopy) => RulesetAt {
  let last: { readonly copy: EnvironmentCopy; readonly at: RulesetAt } | undefined;
  return (copy) => {
    if (last?.copy === copy) return last.at;
    const { epoch, revision, committedAt, lastKill } = copy;
    const ruleset = buildRuleset(copy.objects.values(), last?.at.ruleset);
    const at = Object.freeze({ ruleset, epoch, revision, committedAt, lastKill });
    last = { copy, at };
    return at;
  };
}
