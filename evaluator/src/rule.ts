import type { FlagDefinition } from '@dimmer/schema';
import type { Answers } from './answers.ts';
import type { Scope } from './condition.ts';
import { compileCondition } from './condition.ts';
import { quote } from './defect.ts';
import type { Predicate } from './predicate.ts';
import { isRecord } from './record.ts';
import type { CompiledServe } from './serve.ts';
import { compileServe } from './serve.ts';

/** A rule, compiled. `serve` has nothing for a context that its rollout cannot place: the rule is passed over. */
export interface CompiledRule extends CompiledServe<undefined> {
  readonly id: string;
  readonly when: Predicate;
}

/** Compiles the rules of a flag, in order; a rule that cannot be compiled is logged and left out. */
export function compileRules(definition: FlagDefinition, answers: Answers, scope: Scope): CompiledRule[] {
  const ids = new Set<string>();
  return definition.rules.flatMap((rule: unknown, index) => {
    const path = `$.rules[${index}]`;
    const id = idOf(rule);
    if (id === undefined || !isRecord(rule)) {
      scope.log.invalid(path, 'must be a rule with an id');
      return [];
    }
    if (ids.has(id)) scope.log.invalid(`${path}.id`, `${quote(id)} is the id of an earlier rule; rename one`);
    ids.add(id);
    const when = compileCondition(rule['when'], `${path}.when`, scope);
    const make = { definition, answers, log: scope.log, fixed: 'RULE_MATCH' as const, ruleId: id };
    const serve = compileServe(rule['serve'], `${path}.serve`, make, () => undefined);
    return serve === undefined ? [] : [Object.freeze({ id, when, ...serve })];
  });
}

function idOf(rule: unknown): string | undefined {
  return isRecord(rule) && typeof rule['id'] === 'string' ? rule['id'] : undefined;
}
