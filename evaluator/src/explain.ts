import type { Evaluation, EvaluationContext } from '@dimmer/schema';
import { bucketOf } from './bucket.ts';
import type { CompiledFlag, FlagPlan } from './compile.ts';
import { quote } from './defect.ts';
import type { CompiledRollout } from './rollout.ts';
import type { Ruleset } from './ruleset.ts';
import { evaluate } from './ruleset.ts';
import type { CompiledServe } from './serve.ts';
import { subjectReaderOf } from './subject.ts';

/** One step of an evaluation. */
export interface Step {
  readonly step:
    | 'definition'
    | 'killed'
    | 'enabled'
    | 'prerequisite'
    | 'target'
    | 'rule'
    | 'rollout'
    | 'fallthrough';
  readonly outcome: 'passed' | 'failed' | 'matched' | 'not matched';
  /** What was found, for a person. */
  readonly detail: string;
  readonly ruleId?: string;
  /** The prerequisite's flag. */
  readonly flag?: string;
  /** The bucket of a rollout that had something to hash. */
  readonly bucket?: number;
}

/** An evaluation with the steps that led to it. */
export interface Explanation {
  readonly evaluation: Evaluation;
  readonly steps: readonly Step[];
}

/**
 * Evaluates one flag and tells how: the steps in the order taken, up to the one that decided. Steps ask the
 * same compiled parts as an evaluation, so they cannot tell another story.
 *
 * @example explain(ruleset, 'checkout-v2', { targetingKey: 'user-1' }).steps.at(-1)?.detail
 */
export function explain(
  ruleset: Ruleset,
  key: string,
  context: EvaluationContext | null | undefined,
): Explanation {
  const evaluation = evaluate(ruleset, key, context);
  const flag = ruleset.flags.get(key);
  if (flag === undefined) {
    return { evaluation, steps: [step('definition', 'failed', `There is no flag ${quote(key)}.`)] };
  }
  const who = typeof context === 'object' && context !== null ? context : {};
  return { evaluation, steps: [...stepsOf(flag, who)] };
}

function* stepsOf(flag: CompiledFlag, context: EvaluationContext): Generator<Step, void> {
  const { settled } = flag.plan;
  if (settled?.reason === 'KILLED') return yield step('killed', 'failed', 'The flag is killed.');
  yield step('killed', 'passed', 'The flag is not killed.');
  if (settled?.reason === 'OFF') return yield step('enabled', 'failed', 'The flag is not enabled.');
  yield step('enabled', 'passed', 'The flag is enabled.');
  if (flag.defect !== undefined) return yield step('definition', 'failed', flag.defect.detail);
  if (!(yield* prerequisiteSteps(flag.plan, context))) return;
  if (yield* targetSteps(flag.plan, context)) return;
  if (yield* ruleSteps(flag.plan, context)) return;
  yield step('fallthrough', 'matched', `Nothing before decided${served(flag.plan.fallthrough)}.`);
  yield* rolloutStep(flag.plan.fallthrough.rollout, context, {});
}

/** @returns Whether all prerequisites are met. */
function* prerequisiteSteps(plan: FlagPlan, context: EvaluationContext): Generator<Step, boolean> {
  for (const { flag, variation, evaluate: ask, isMet } of plan.prerequisites) {
    const { variation: actual, reason } = ask(context);
    const detail = `Flag ${quote(flag)} serves ${quote(actual)} (${reason}); ${quote(variation)} is required.`;
    if (!isMet(context)) {
      yield { ...step('prerequisite', 'failed', detail), flag };
      return false;
    }
    yield { ...step('prerequisite', 'passed', detail), flag };
  }
  return true;
}

/** @returns Whether a target decided. */
function* targetSteps(plan: FlagPlan, context: EvaluationContext): Generator<Step, boolean> {
  for (const { by, answerOf } of plan.targets) {
    const subject = quote(subjectReaderOf(by)(context));
    const answer = answerOf(context);
    if (answer !== undefined) {
      yield step('target', 'matched', `${by} ${subject} is a target of ${quote(answer.variation)}.`);
      return true;
    }
    yield step('target', 'not matched', `${by} ${subject} is not a target.`);
  }
  return false;
}

/** @returns Whether a rule decided. */
function* ruleSteps(plan: FlagPlan, context: EvaluationContext): Generator<Step, boolean> {
  for (const rule of plan.rules) {
    const { id: ruleId } = rule;
    if (!rule.when(context)) {
      yield { ...step('rule', 'not matched', 'The condition does not hold.'), ruleId };
      continue;
    }
    yield { ...step('rule', 'matched', `The condition holds${served(rule)}.`), ruleId };
    yield* rolloutStep(rule.rollout, context, { ruleId });
    if (rule.serve(context) !== undefined) return true;
  }
  return false;
}

function* rolloutStep(
  rollout: CompiledRollout | null,
  context: EvaluationContext,
  place: Pick<Step, 'ruleId'>,
): Generator<Step, void> {
  if (rollout === null) return;
  const { by, seed, subjectOf, answerOf } = rollout;
  const subject = subjectOf(context);
  if (subject === undefined) {
    const detail = `${by} is not a string or an integer: there is nothing to hash.`;
    return yield { ...step('rollout', 'not matched', detail), ...place };
  }
  const bucket = bucketOf(subject, seed);
  const { variation } = answerOf(bucket);
  const detail = `${by} ${quote(subject)} is in bucket ${bucket}, which gets ${quote(variation)}.`;
  yield { ...step('rollout', 'matched', detail), bucket, ...place };
}

function served({ fixed }: CompiledServe<unknown>): string {
  return fixed === null ? ', a rollout decides' : `, ${quote(fixed.variation)} is served`;
}

function step(name: Step['step'], outcome: Step['outcome'], detail: string): Step {
  return { step: name, outcome, detail };
}
