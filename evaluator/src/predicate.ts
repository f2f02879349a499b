import type { EvaluationContext } from '@dimmer/schema';

/** Answers a condition for a context. Total. */
export type Predicate = (context: EvaluationContext) => boolean;
