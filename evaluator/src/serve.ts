import type { EvaluationContext, FlagDefinition, Reason } from '@dimmer/schema';
import type { AnswerInput, Answers, PreparedEvaluation } from './answers.ts';
import type { DefectLog } from './defect.ts';
import { quote } from './defect.ts';
import { isRecord } from './record.ts';
import type { CompiledRollout } from './rollout.ts';
import { compileRollout, splitter } from './rollout.ts';

/**
 * What a rule or the fallthrough serves, compiled. `T` is what it has for a context that its rollout cannot
 * place.
 */
export interface CompiledServe<T> {
  readonly serve: (context: EvaluationContext) => PreparedEvaluation | T;
  /** The one answer, where there is no rollout. */
  readonly fixed: PreparedEvaluation | null;
  readonly rollout: CompiledRollout | null;
}

/** How a serve makes its answers. */
export interface ServeMaker {
  readonly definition: Pick<FlagDefinition, 'variations'>;
  readonly answers: Answers;
  readonly log: DefectLog;
  /** The reason of an answer that no rollout chose. */
  readonly fixed: Reason;
  readonly ruleId?: string;
}

/**
 * Compiles a serve of unknown shape.
 *
 * @param withoutSubject - Makes what is served where a rollout finds nothing to hash.
 * @returns `undefined` when it cannot be compiled; the log says why.
 */
export function compileServe<T>(
  serve: unknown,
  path: string,
  make: ServeMaker,
  withoutSubject: () => T,
): CompiledServe<T> | undefined {
  if (isRecord(serve) && Object.hasOwn(serve, 'variation')) {
    return compileFixed(serve['variation'], path, make);
  }
  if (isRecord(serve) && Object.hasOwn(serve, 'rollout')) {
    const answerFor = (variation: string): PreparedEvaluation | undefined => answer(make, variation, 'SPLIT');
    const rollout = compileRollout(serve['rollout'], `${path}.rollout`, make.log, answerFor);
    if (rollout === undefined) return undefined;
    return { serve: splitter(rollout, withoutSubject()), fixed: null, rollout };
  }
  make.log.unsupported(path, `${quote(serve)} is not a way to serve that this build knows; upgrade it`);
  return undefined;
}

function compileFixed<T>(variation: unknown, path: string, make: ServeMaker): CompiledServe<T> | undefined {
  const fixed = answer(make, variation, make.fixed);
  if (fixed !== undefined) return { serve: () => fixed, fixed, rollout: null };
  make.log.invalid(`${path}.variation`, `${quote(variation)} is not a variation of the flag`);
  return undefined;
}

function answer(make: ServeMaker, variation: unknown, reason: Reason): PreparedEvaluation | undefined {
  if (typeof variation !== 'string' || !Object.hasOwn(make.definition.variations, variation))
    return undefined;
  const { ruleId } = make;
  const input: AnswerInput = ruleId === undefined ? { variation, reason } : { variation, reason, ruleId };
  return make.answers.of(input);
}
