import { z } from 'zod';
import type { ProblemCode } from '../problem.ts';
import { PROBLEMS } from '../problem.ts';

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

const ExceededLimitView = z.object({ name: z.string(), current: z.number(), maximum: z.number() }).meta({
  id: 'ExceededLimit',
  description: 'A limit that was exceeded, with both figures.',
});

export const ProblemView = z
  .object({
    type: z.string(),
    code: z.enum(codes),
    status: z.int(),
    title: z.string(),
    detail: z.string(),
    remedy: z.string().optional(),
    issues: z
      .array(
        z.object({
          path: z.string(),
          rule: z.string(),
          message: z.string(),
          remedy: z.string(),
          limit: ExceededLimitView.exactOptional(),
        }),
      )
      .optional(),
    limit: ExceededLimitView.optional(),
    instance: z.string().optional(),
  })
  .meta({ id: 'Problem' });
