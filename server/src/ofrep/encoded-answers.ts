import type { CompiledFlag, PreparedEvaluation } from '@dimmer/evaluator';
import { ofrepAnswerOf } from './ofrep-answer.ts';

/** An answer as it is sent. */
export interface EncodedAnswer {
  readonly status: 200 | 400;
  /** JSON. */
  readonly body: string;
}

/** Gives the bytes of a flag's answers. */
export type EncodedAnswers = (flag: CompiledFlag, evaluation: PreparedEvaluation) => EncodedAnswer;

/**
 * Every answer that a flag can give was made when it was compiled; its JSON is made when it is first sent, and kept
 * for as long as the flag stays as it is.
 *
 * @example encodedAnswers()(flag, flag.evaluate(context)).body
 */
export function encodedAnswers(): EncodedAnswers {
  const known = new WeakMap<PreparedEvaluation, EncodedAnswer>();
  return ({ key }, evaluation) => {
    const existing = known.get(evaluation);
    if (existing !== undefined) return existing;
    const answer = ofrepAnswerOf(key, evaluation);
    const made = { status: 'errorCode' in answer ? 400 : 200, body: JSON.stringify(answer) } as const;
    known.set(evaluation, made);
    return made;
  };
}
