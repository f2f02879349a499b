import type { Evaluation, EvaluationErrorCode, FlagDefinition, JsonValue, Reason } from '@dimmer/schema';

/** An answer that was made when its flag was compiled. Frozen and shared by everyone who gets it. */
export interface PreparedEvaluation extends Evaluation {
  /** Its index among the flag's `evaluations`: a counter per answer is one cell of an array. */
  readonly slot: number;
}

/** What distinguishes one answer of a flag from another. */
export interface AnswerInput {
  readonly variation: string | null;
  readonly reason: Reason;
  readonly ruleId?: string;
  readonly errorCode?: EvaluationErrorCode;
}

/** Every answer that one flag can give. */
export interface Answers {
  /** Makes an answer, or finds it where it was made before. */
  readonly of: (input: AnswerInput) => PreparedEvaluation;
  /** All of them, by slot. */
  readonly all: readonly PreparedEvaluation[];
}

/** What all answers of a flag share. */
export type AnswerSource = Pick<FlagDefinition, 'variations' | 'version' | 'metadata'> & {
  readonly isStatic: boolean;
};

/** @example createAnswers({ ...definition, isStatic: true }).of({ variation: 'on', reason: 'FALLTHROUGH' }) */
export function createAnswers(source: AnswerSource): Answers {
  const all: PreparedEvaluation[] = [];
  const known = new Map<string, PreparedEvaluation>();
  return {
    all,
    of: (input) => {
      const id = JSON.stringify([input.variation, input.reason, input.ruleId, input.errorCode]);
      const existing = known.get(id);
      if (existing !== undefined) return existing;
      const made = prepare(source, input, all.length);
      all.push(made);
      known.set(id, made);
      return made;
    },
  };
}

function prepare(source: AnswerSource, input: AnswerInput, slot: number): PreparedEvaluation {
  return Object.freeze({
    value: jsonOf(source, input.variation),
    variation: input.variation,
    reason: input.reason,
    revision: source.version,
    isStatic: source.isStatic,
    slot,
    ...(input.ruleId !== undefined && { ruleId: input.ruleId }),
    ...(input.errorCode !== undefined && { errorCode: input.errorCode }),
    ...(source.metadata !== undefined && { metadata: source.metadata }),
  });
}

function jsonOf({ variations }: AnswerSource, variation: string | null): JsonValue | undefined {
  if (variation === null || !Object.hasOwn(variations, variation)) return undefined;
  return variations[variation]?.value;
}
