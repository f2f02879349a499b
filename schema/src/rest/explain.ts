import { z } from 'zod';
import { EVALUATION_ERRORS, REASONS } from '../evaluation.ts';
import { Json, Key, Revision } from './terms.ts';

export const ExplainInput = z
  .strictObject({ context: z.record(z.string(), Json).default({}) })
  .meta({ id: 'ExplainInput' });

/** One step of an evaluation, in the order taken. */
export const StepView = z
  .object({
    step: z.enum([
      'killed',
      'enabled',
      'prerequisite',
      'target',
      'rule',
      'fallthrough',
      'rollout',
      'definition',
    ]),
    outcome: z
      .string()
      .meta({ description: 'What the step found: `passed`, `failed`, `matched`, `not matched`.' }),
    detail: z.string(),
    bucket: z.int().optional(),
    ruleId: Key.optional(),
    flag: Key.optional(),
  })
  .meta({ id: 'ExplainStep' });

export const ExplainView = z
  .object({
    flag: Key,
    environment: Key,
    revision: Revision,
    evaluation: z.object({
      value: Json.optional().meta({ description: "Absent: the caller's fallback counts." }),
      variation: Key.nullable(),
      reason: z.enum(REASONS),
      ruleId: Key.optional(),
      errorCode: z.enum(EVALUATION_ERRORS).optional(),
      revision: Revision,
    }),
    steps: z.array(StepView),
  })
  .meta({ id: 'Explanation' });

export type ExplainInput = z.infer<typeof ExplainInput>;
export type ExplainView = z.infer<typeof ExplainView>;
