import type { EvaluationContext, EvaluationErrorCode, FlagDefinition, OpaqueObject } from '@dimmer/schema';
import type { Answers, PreparedEvaluation } from './answers.ts';
import { createAnswers } from './answers.ts';
import type { Place } from './compile-in-order.ts';
import type { Scope } from './condition.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { Defect, DefectLog } from './defect.ts';
import { createDefectLog } from './defect.ts';
import type { Links } from './links.ts';
import { linksTo } from './links.ts';
import type { CompiledPrerequisite } from './prerequisite.ts';
import { compilePrerequisites } from './prerequisite.ts';
import { segmentsNamedBy } from './references.ts';
import type { CompiledRule } from './rule.ts';
import { compileRules } from './rule.ts';
import type { CompiledServe } from './serve.ts';
import { compileServe } from './serve.ts';
import type { CompiledTargets } from './target.ts';
import { compileTargets } from './target.ts';

/** A flag, compiled. Immutable. */
export interface CompiledFlag {
  readonly key: string;
  /** What it was compiled from; `null` for a flag that arrived damaged and was never sound before. */
  readonly definition: FlagDefinition | null;
  /** Answers a context with one of `evaluations`. Total; allocates nothing. */
  readonly evaluate: (context: EvaluationContext | null | undefined) => PreparedEvaluation;
  /** Every answer that it can give, by slot. */
  readonly evaluations: readonly PreparedEvaluation[];
  /** Flags from this one to the end of its longest chain of prerequisites; 1 when it has none. */
  readonly depth: number;
  /** The first thing that is wrong with the definition, also while the flag is killed or not enabled. */
  readonly defect?: Defect;
  /** The parts that `evaluate` is made of. */
  readonly plan: FlagPlan;
  /** The prerequisites that it was compiled with; `null` where it must be compiled again in any case. */
  readonly links: Links | null;
  /** The segments that it was compiled with. */
  readonly segmentLinks: Links;
}

/** The steps of an evaluation in the order of SPEC.md, E1. */
export interface FlagPlan {
  /** The only answer there is: of a flag that is killed, not enabled or defective. */
  readonly settled: PreparedEvaluation | null;
  readonly prerequisites: readonly CompiledPrerequisite[];
  readonly prerequisiteFailed: PreparedEvaluation | null;
  readonly targets: readonly CompiledTargets[];
  readonly rules: readonly CompiledRule[];
  readonly fallthrough: CompiledServe<PreparedEvaluation>;
}

/** What a flag is compiled with. */
export interface FlagScope {
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly segments: Scope['segments'];
}

/**
 * Compiles a flag whose prerequisites and segments are compiled. It never throws: what is wrong with the
 * definition becomes `defect`, and the flag serves its off variation (SPEC.md, E70 and on).
 */
export function compileFlag(definition: FlagDefinition, scope: FlagScope, place: Place): CompiledFlag {
  const log = createDefectLog();
  if (place.chainFault !== undefined) log.invalid('$.prerequisites', place.chainFault);
  const answers = createAnswers({ ...definition, isStatic: isStatic(definition) });
  const off = offVariationOf(definition);
  if (off !== definition.offVariation)
    log.invalid('$.offVariation', 'must be a variation of the flag or null');
  const parts = compileParts(definition, off, answers, { ...scope, log });
  const defect = log.first();
  const settled = settle(definition, off, answers, defect);
  const plan: FlagPlan = Object.freeze({ ...parts, settled });
  deepFreeze(definition.variations);
  return Object.freeze({
    key: definition.key,
    definition,
    evaluate: evaluatorOf(plan),
    evaluations: Object.freeze(answers.all),
    depth: place.depth,
    ...(defect !== undefined && { defect }),
    plan,
    links: place.links,
    segmentLinks: linksTo(segmentsNamedBy(definition), scope.segments),
  });
}

/** A flag of which nothing can be relied on: it serves no value. */
export function compileDamaged({ key, version, damage }: OpaqueObject): CompiledFlag {
  const answers = createAnswers({ variations: {}, version, isStatic: false });
  const settled = answers.of({ variation: null, reason: 'ERROR', errorCode: 'INVALID_DEFINITION' });
  const fallthrough = { serve: () => settled, fixed: settled, rollout: null };
  const plan = { settled, prerequisites: [], prerequisiteFailed: null, targets: [], rules: [], fallthrough };
  const detail = `$: ${damage ?? 'the definition cannot be read'}`;
  return Object.freeze({
    key,
    definition: null,
    evaluate: () => settled,
    evaluations: Object.freeze(answers.all),
    depth: 1,
    defect: Object.freeze({ code: 'INVALID_DEFINITION', path: '$', detail }),
    plan,
    links: null,
    segmentLinks: new Map(),
  });
}

type Parts = Omit<FlagPlan, 'settled'>;

const nobody: EvaluationContext = Object.freeze({});

function compileParts(
  definition: FlagDefinition,
  off: string | null,
  answers: Answers,
  scope: Scope & FlagScope,
): Parts {
  return {
    prerequisites: compilePrerequisites(definition.prerequisites, scope),
    prerequisiteFailed:
      definition.prerequisites.length === 0
        ? null
        : answers.of({ variation: off, reason: 'PREREQUISITE_FAILED' }),
    targets: compileTargets(definition, answers, scope.log),
    rules: compileRules(definition, answers, scope),
    fallthrough: compileFallthrough(definition, off, answers, scope.log),
  };
}

function compileFallthrough(
  definition: FlagDefinition,
  off: string | null,
  answers: Answers,
  log: DefectLog,
): CompiledServe<PreparedEvaluation> {
  const make = { definition, answers, log, fixed: 'FALLTHROUGH' as const };
  const error = (errorCode: EvaluationErrorCode): PreparedEvaluation =>
    answers.of({ variation: off, reason: 'ERROR', errorCode });
  const compiled = compileServe(definition.fallthrough, '$.fallthrough', make, () =>
    error('TARGETING_KEY_MISSING'),
  );
  if (compiled !== undefined) return compiled;
  const broken = error(log.first()?.code ?? 'INVALID_DEFINITION');
  return { serve: () => broken, fixed: broken, rollout: null };
}

function settle(
  definition: FlagDefinition,
  variation: string | null,
  answers: Answers,
  defect: Defect | undefined,
): PreparedEvaluation | null {
  if (definition.killed === true) return answers.of({ variation, reason: 'KILLED' });
  if (!definition.enabled) return answers.of({ variation, reason: 'OFF' });
  if (defect !== undefined) return answers.of({ variation, reason: 'ERROR', errorCode: defect.code });
  return null;
}

/** Flags of which less can be asked get a closure that asks less. */
function evaluatorOf(plan: FlagPlan): CompiledFlag['evaluate'] {
  const { settled, prerequisites, prerequisiteFailed, targets, rules, fallthrough } = plan;
  if (settled !== null) return () => settled;
  const { serve, fixed } = fallthrough;
  if (prerequisiteFailed === null && targets.length === 0 && rules.length === 0) {
    if (fixed !== null) return () => fixed;
    return (context) => serve(isContext(context) ? context : nobody);
  }
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the order of a decision in one place, and no call more for each evaluation.
  return (context) => {
    const who = isContext(context) ? context : nobody;
    if (prerequisiteFailed !== null && !areMet(prerequisites, who)) return prerequisiteFailed;
    for (let index = 0; index < targets.length; index += 1) {
      const answer = targets[index]?.answerOf(who);
      if (answer !== undefined) return answer;
    }
    for (let index = 0; index < rules.length; index += 1) {
      const rule = rules[index];
      const answer = rule?.when(who) === true ? rule.serve(who) : undefined;
      if (answer !== undefined) return answer;
    }
    return serve(who);
  };
}

function areMet(prerequisites: readonly CompiledPrerequisite[], context: EvaluationContext): boolean {
  for (let index = 0; index < prerequisites.length; index += 1) {
    if (prerequisites[index]?.isMet(context) !== true) return false;
  }
  return true;
}

function isContext(context: unknown): context is EvaluationContext {
  return typeof context === 'object' && context !== null;
}

function isStatic(definition: FlagDefinition): boolean {
  const { prerequisites, targets, rules, fallthrough } = definition;
  return [prerequisites, targets, rules].every((list) => list.length === 0) && 'variation' in fallthrough;
}

function offVariationOf({ offVariation, variations }: FlagDefinition): string | null {
  return offVariation !== null && Object.hasOwn(variations, offVariation) ? offVariation : null;
}
