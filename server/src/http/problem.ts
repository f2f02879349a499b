import type { ProblemCode, ProblemDocument } from '@dimmer/schema';
import { PROBLEMS } from '@dimmer/schema';
import type { Context } from 'hono';
import type { Rejection } from '../changes/result.ts';
import type { HttpEnv } from './http-env.ts';
import { REMEDIES } from './remedies.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Seconds after which a caller may repeat a request that failed for a passing cause. */
const RETRY_AFTER_SECONDS = 1;

/**
 * The RFC 9457 document of a rejection.
 *
 * @param instance - The request id.
 */
export function problemOf(rejection: Rejection, instance: string): ProblemDocument {
  const { status, title } = PROBLEMS[rejection.code];
  return {
    type: `urn:dimmer:problem:${rejection.code.toLowerCase().replaceAll('_', '-')}`,
    code: rejection.code,
    status,
    title,
    detail: rejection.detail,
    remedy: rejection.remedy ?? REMEDIES[rejection.code],
    ...(rejection.issues !== undefined && { issues: rejection.issues }),
    ...(rejection.limit !== undefined && { limit: rejection.limit }),
    instance,
  };
}

/** Answers with a rejection. */
export function answerProblem<E extends HttpEnv>(c: Context<E>, rejection: Rejection): Response {
  const problem = problemOf(rejection, c.get('requestId'));
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': PROBLEM_MEDIA_TYPE,
      'cache-control': 'no-store',
      ...extraHeaders(rejection.code),
    },
  });
}

function extraHeaders(code: ProblemCode): Record<string, string> {
  if (code === 'UNAUTHENTICATED') return { 'www-authenticate': 'Bearer' };
  if (PROBLEMS[code].retryable) return { 'retry-after': String(RETRY_AFTER_SECONDS) };
  return {};
}
