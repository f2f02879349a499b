import type { Ruleset } from '@dimmer/evaluator';
import { buildRuleset } from '@dimmer/evaluator';
import type { ShownCopy } from './shown-copy.ts';

/** A ruleset and the moment that it was built from. Immutable. */
export interface RulesetAt
  extends Pick<
    ShownCopy,
    'epoch' | 'lineage' | 'origin' | 'revision' | 'committedAt' | 'lastKill' | 'position' | 'killPosition'
  > {
  readonly ruleset: Ruleset;
}

/**
 * Compiles an environment when somebody asks, and then only what differs from the last time.
 *
 * @returns A function that gives the ruleset of a copy: of the same copy, the same object.
 */
export function rulesetBuilder(): (copy: ShownCopy) => RulesetAt {
  let last: { readonly copy: ShownCopy; readonly at: RulesetAt } | undefined;
  return (copy) => {
    if (last?.copy === copy) return last.at;
    const { epoch, lineage, origin, revision, committedAt, lastKill, position, killPosition } = copy;
    const ruleset = buildRuleset(copy.objects.values(), last?.at.ruleset);
    const moment = { epoch, lineage, origin, revision, committedAt, lastKill, position, killPosition };
    const at = Object.freeze({ ruleset, ...moment });
    last = { copy, at };
    return at;
  };
}
