import type { EvaluationContext, FlagDefinition } from '@dimmer/schema';
import type { Answers, PreparedEvaluation } from './answers.ts';
import type { DefectLog } from './defect.ts';
import { quote } from './defect.ts';
import { isRecord } from './record.ts';
import { subjectReaderOf } from './subject.ts';

/** Targets that follow each other and look at the same attribute, as one look-up. */
export interface CompiledTargets {
  readonly by: string;
  readonly answers: ReadonlyMap<string, PreparedEvaluation>;
  /** The answer of the first target that names the context. */
  readonly answerOf: (context: EvaluationContext) => PreparedEvaluation | undefined;
}

interface TargetGroup {
  readonly by: string;
  readonly answers: Map<string, PreparedEvaluation>;
}

/** Compiles the targets of a flag; their order is kept: whoever is named twice gets the earlier. */
export function compileTargets(
  definition: FlagDefinition,
  answers: Answers,
  log: DefectLog,
): CompiledTargets[] {
  const groups: TargetGroup[] = [];
  for (const [index, target] of definition.targets.entries()) {
    const path = `$.targets[${index}]`;
    const answer = answerFor(target, definition, answers);
    if (!isTarget(target)) log.invalid(path, 'must be a target with a variation, by and values');
    else if (answer === undefined) {
      log.invalid(`${path}.variation`, `${quote(target.variation)} is not a variation of the flag`);
    } else addTo(groupFor(target.by, groups), target.values, answer);
  }
  return groups.map(compileGroup);
}

/** The last group where it looks at the attribute, or a new one. */
function groupFor(by: string, groups: TargetGroup[]): TargetGroup {
  const last = groups.at(-1);
  if (last?.by === by) return last;
  const group = { by, answers: new Map() };
  groups.push(group);
  return group;
}

function addTo({ answers }: TargetGroup, values: readonly string[], answer: PreparedEvaluation): void {
  for (const value of values) if (!answers.has(value)) answers.set(value, answer);
}

function compileGroup({ by, answers }: TargetGroup): CompiledTargets {
  const subjectOf = subjectReaderOf(by);
  const answerOf = (context: EvaluationContext): PreparedEvaluation | undefined => {
    const subject = subjectOf(context);
    return subject === undefined ? undefined : answers.get(subject);
  };
  return Object.freeze({ by, answers, answerOf });
}

function isTarget(target: unknown): boolean {
  if (!isRecord(target)) return false;
  const { by, values } = target;
  return typeof by === 'string' && by !== '' && Array.isArray(values);
}

function answerFor(
  target: unknown,
  { variations }: FlagDefinition,
  answers: Answers,
): PreparedEvaluation | undefined {
  if (!isRecord(target)) return undefined;
  const { variation } = target;
  if (typeof variation !== 'string' || !Object.hasOwn(variations, variation)) return undefined;
  return answers.of({ variation, reason: 'TARGET_MATCH' });
}
