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

/** Compiles the targets of a flag; their order is kept: whoever is named twice gets the earlier. */
export function compileTargets(
  definition: FlagDefinition,
  answers: Answers,
  log: DefectLog,
): CompiledTargets[] {
  const groups: { by: string; answers: Map<string, PreparedEvaluation> }[] = [];
  for (const [index, target] of definition.targets.entries()) {
    const path = `$.targets[${index}]`;
    const answer = answerFor(target, definition, answers);
    if (!isTarget(target)) log.invalid(path, 'must be a target with a variation, by and values');
    else if (answer === undefined) {
      log.invalid(`${path}.variation`, `${quote(target.variation)} is not a variation of the flag`);
    } else {
      const last = groups.at(-1);
      const group = last?.by === target.by ? last : { by: target.by, answers: new Map() };
      if (group !== last) groups.push(group);
      for (const value of target.values) {
        if (!group.answers.has(value)) group.answers.set(value, answer);
      }
    }
  }
  return groups.map(compileGroup);
}

function compileGroup(group: { by: string; answers: Map<string, PreparedEvaluation> }): CompiledTargets {
  const { by, answers } = group;
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
