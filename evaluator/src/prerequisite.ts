import type { EvaluationContext, FlagDefinition, Reason } from '@dimmer/schema';
import type { PreparedEvaluation } from './answers.ts';
import type { DefectLog } from './defect.ts';
import { quote } from './defect.ts';
import { isRecord } from './record.ts';

/** A prerequisite, compiled: the other flag itself, no look-up. */
export interface CompiledPrerequisite {
  readonly flag: string;
  readonly variation: string;
  readonly evaluate: (context: EvaluationContext) => PreparedEvaluation;
  readonly isMet: (context: EvaluationContext) => boolean;
}

/** What a prerequisite needs of a flag. */
export interface PrerequisiteFlag {
  readonly definition: FlagDefinition | null;
  readonly evaluate: (context: EvaluationContext) => PreparedEvaluation;
  readonly evaluations: readonly PreparedEvaluation[];
}

interface PrerequisiteScope {
  readonly log: DefectLog;
  readonly flags: ReadonlyMap<string, PrerequisiteFlag>;
}

/** Compiles prerequisites, in order; one that names nothing that exists is logged and left out. */
export function compilePrerequisites(
  prerequisites: readonly unknown[],
  scope: PrerequisiteScope,
): CompiledPrerequisite[] {
  return prerequisites.flatMap((prerequisite, index) => {
    const compiled = compilePrerequisite(prerequisite, `$.prerequisites[${index}]`, scope);
    return compiled === undefined ? [] : [compiled];
  });
}

function compilePrerequisite(
  prerequisite: unknown,
  path: string,
  { log, flags }: PrerequisiteScope,
): CompiledPrerequisite | undefined {
  const { flag: key, variation } = isRecord(prerequisite) ? prerequisite : {};
  if (typeof key !== 'string' || typeof variation !== 'string') {
    return refuse(log, path, 'must be a prerequisite with a flag and a variation');
  }
  const flag = flags.get(key);
  if (flag === undefined) {
    return refuse(
      log,
      `${path}.flag`,
      `there is no flag ${quote(key)}; create it or remove the prerequisite`,
    );
  }
  if (flag.definition !== null && !Object.hasOwn(flag.definition.variations, variation)) {
    return refuse(log, `${path}.variation`, `${quote(variation)} is not a variation of flag ${quote(key)}`);
  }
  return Object.freeze({ flag: key, variation, evaluate: flag.evaluate, isMet: meets(flag, variation) });
}

/** Reasons of an answer that the flag chose; any other means that it is off for the context. */
const CHOSEN: ReadonlySet<Reason> = new Set(['TARGET_MATCH', 'RULE_MATCH', 'SPLIT', 'FALLTHROUGH']);

/** Which of the flag's answers meet the prerequisite is known now; what is left is one look into a table. */
function meets(flag: PrerequisiteFlag, variation: string): (context: EvaluationContext) => boolean {
  const { evaluate, evaluations } = flag;
  const met = Uint8Array.from(evaluations, (answer) =>
    answer.variation === variation && CHOSEN.has(answer.reason) ? 1 : 0,
  );
  return (context) => met[evaluate(context).slot] === 1;
}

function refuse(log: DefectLog, path: string, message: string): undefined {
  log.invalid(path, message);
  return undefined;
}
