import type { Context } from 'hono';
import type { HttpEnv } from '../http/http-env.ts';
import { answerProblem } from '../http/problem.ts';
import type { RefusalCause } from './admission.ts';

const REFUSALS: Readonly<Record<RefusalCause, string>> = {
  node: 'This server has as many streams as it takes.',
  key: 'This key has as many streams as one key may have.',
  rate: 'Too many streams are being opened at the same time.',
  draining: 'The server is draining.',
};

/**
 * Answers whoever gets no stream. Readers come back one by one, because each is told another time.
 *
 * @param remedy - What serves meanwhile.
 */
export function answerRefusal<E extends HttpEnv>(
  c: Context<E>,
  { cause, retryAfterSeconds }: { readonly cause: RefusalCause; readonly retryAfterSeconds: number },
  remedy: string,
): Response {
  const answer = answerProblem(c, { code: 'UNAVAILABLE', detail: REFUSALS[cause], remedy });
  answer.headers.set('retry-after', String(retryAfterSeconds));
  // Kept for the next request, connections of thousands that were refused would use up the process's files.
  answer.headers.set('connection', 'close');
  return answer;
}
