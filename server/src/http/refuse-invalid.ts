import type { Context } from 'hono';
import type { z } from 'zod';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';
import { issuesOf } from './validation-issues.ts';

/** What the validator of a part of a request found. */
type Validated =
  | { readonly target: string; readonly success: true }
  | { readonly target: string; readonly success: false; readonly data?: unknown; readonly error: z.ZodError };

/** What the paths of issues start from, by the part of the request. */
const ROOTS: ReadonlyMap<string, string> = new Map([
  ['json', '$'],
  ['param', 'path'],
]);

/** Answers an invalid request with INVALID_REQUEST and every fault; lets a valid one through. */
export function refuseInvalid<E extends HttpEnv>(result: Validated, c: Context<E>): Response | undefined {
  if (result.success) return undefined;
  const root = ROOTS.get(result.target) ?? result.target;
  const issues = issuesOf(result.error, result.data, root);
  const [first] = issues;
  const others = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const detail = first === undefined ? 'The request is invalid.' : `${first.path} ${first.message}${others}.`;
  const limit = first?.limit;
  return answerProblem(c, {
    code: 'INVALID_REQUEST',
    detail,
    issues,
    ...(limit !== undefined && { limit }),
  });
}
