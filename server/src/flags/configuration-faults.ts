import { faultOfRanges } from '@dimmer/evaluator';
import type { Prerequisite } from '@dimmer/schema';
import type {
  ConfigurationPatch,
  RolloutInput,
  RuleInput,
  ServeInput,
  TargetInput,
} from '@dimmer/schema/rest';
import { type Fault, faultsUnder } from '../changes/fault.ts';
import { jsonPathOf } from '../http/json-path.ts';
import { faultsOfCondition } from './condition-faults.ts';
import type { Flag } from './flag.ts';

/**
 * What is wrong with a configuration that is asked for, as far as it and its flag can tell: every fault, each
 * with its JSONPath. What depends on other objects is checked once the whole edit is made.
 *
 * @example faultsOfConfiguration({ offVariation: 'of' }, flag)
 * // [{ path: '$.offVariation', rule: 'unknown-variation', ... }]
 */
export function faultsOfConfiguration(asked: ConfigurationPatch, flag: Flag): Fault[] {
  const { offVariation, prerequisites = [], targets = [], rules = [], fallthrough } = asked;
  return [
    ...(typeof offVariation === 'string' ? faultsOfVariation(offVariation, flag, '$.offVariation') : []),
    ...faultsOfPrerequisites(prerequisites, flag),
    ...targets.flatMap((target, index) => faultsOfTarget(target, flag, index)),
    ...repeatedRuleIds(rules),
    ...rules.flatMap((rule, index) => faultsOfRule(rule, flag, index)),
    ...(fallthrough === undefined ? [] : faultsOfServe(fallthrough, flag, '$.fallthrough')),
  ];
}

function faultsOfVariation(name: string, { key, variations }: Flag, path: string): Fault[] {
  if (Object.hasOwn(variations, name)) return [];
  return [
    {
      path,
      rule: 'unknown-variation',
      message: `names "${name}", which is not a variation of flag "${key}"`,
      remedy: `Use one of ${Object.keys(variations).join(', ')}, or add the variation to the flag first.`,
    },
  ];
}

function faultsOfPrerequisites(prerequisites: readonly Prerequisite[], flag: Flag): Fault[] {
  return prerequisites.flatMap((prerequisite, index) => {
    const path = `$.prerequisites[${index}].flag`;
    if (prerequisite.flag === flag.key) return [selfPrerequisite(flag, path)];
    const first = prerequisites.findIndex((other) => other.flag === prerequisite.flag);
    return first === index ? [] : [repeatedPrerequisite(prerequisite.flag, path)];
  });
}

function selfPrerequisite({ key }: Flag, path: string): Fault {
  return {
    path,
    rule: 'prerequisite-cycle',
    message: `makes a cycle: ${key} -> ${key}`,
    remedy: 'A flag cannot be its own prerequisite: remove the entry.',
  };
}

function repeatedPrerequisite(key: string, path: string): Fault {
  return {
    path,
    rule: 'repeated-prerequisite',
    message: `names flag "${key}" a second time`,
    remedy: 'Keep one entry: a flag serves one variation at a time.',
  };
}

function faultsOfTarget(target: TargetInput, flag: Flag, index: number): Fault[] {
  return faultsOfVariation(target.variation, flag, `$.targets[${index}].variation`);
}

function repeatedRuleIds(rules: readonly RuleInput[]): Fault[] {
  const seen = new Set<string>();
  return rules.flatMap(({ id }, index) => {
    const isRepeated = seen.has(id);
    seen.add(id);
    return isRepeated ? [repeatedRuleId(id, `$.rules[${index}].id`)] : [];
  });
}

function repeatedRuleId(id: string, path: string): Fault {
  return {
    path,
    rule: 'repeated-rule-id',
    message: `repeats the rule id "${id}"`,
    remedy: 'Give every rule of the flag an id of its own.',
  };
}

function faultsOfRule(rule: RuleInput, flag: Flag, index: number): Fault[] {
  const path = `$.rules[${index}]`;
  return [
    ...faultsOfCondition(rule.when, `${path}.when`),
    ...faultsOfServe(rule.serve, flag, `${path}.serve`),
  ];
}

function faultsOfServe(serve: ServeInput, flag: Flag, path: string): Fault[] {
  if ('variation' in serve) return faultsOfVariation(serve.variation, flag, `${path}.variation`);
  return faultsUnder(`${path}.rollout`, faultsOfRollout(serve.rollout, flag));
}

function faultsOfRollout({ weights, ranges }: RolloutInput, flag: Flag): Fault[] {
  return [
    ...Object.keys(weights).flatMap((name) => faultsOfVariation(name, flag, jsonPathOf(['weights', name]))),
    ...(ranges ?? []).flatMap(([, , name], index) => faultsOfVariation(name, flag, `$.ranges[${index}][2]`)),
    ...faultsOfCover(ranges),
  ];
}

function faultsOfCover(ranges: RolloutInput['ranges']): Fault[] {
  const fault = ranges === undefined ? undefined : faultOfRanges(ranges);
  if (fault === undefined) return [];
  const remedy = 'Send the ranges exactly as they were read, or leave them out.';
  return [{ path: '$.ranges', rule: 'ranges-cover', message: fault, remedy }];
}
