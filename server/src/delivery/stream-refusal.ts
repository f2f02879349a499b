import type { Context } from 'hono';
import type { HttpEnv } from '../http/http-env.ts';
import { answerProblem } from '../http/problem.ts';
import type { RefusalCause } from './admission.ts';
import type { DeliveryEnv } from './delivery-env.ts';

const REFUSALS: Readonly<Record<RefusalCause, string>> = {
  node: 'This server has as many streams as it takes.',
  key: 'This key has as many streams as one key may have.',
  rate: 'Too many streams are being opened at the same time.',
  clients: 'This server has as many streams of clients as it takes.',
  'client-rate': 'Too many streams of clients are being opened at the same time.',
  draining: 'The server is draining.',
  stuck: 'This server cannot follow the database. Others may.',
};

/**
 * Answers whoever gets no stream. Readers come back one by one, because each is told another time.
 *
 * @param instead - What may be asked meanwhile.
 */
export function answerRefusal<E extends HttpEnv>(
  c: Context<E>,
  { cause, retryAfterSeconds }: { readonly cause: RefusalCause; readonly retryAfterSeconds: number },
  instead: string,
): Response {
  const remedy = `Read ${instead} meanwhile, and ask for a stream again after the time in Retry-After.`;
  const answer = answerProblem(c, { code: 'UNAVAILABLE', detail: REFUSALS[cause], remedy });
  answer.headers.set('retry-after', String(retryAfterSeconds));
  // Kept for the next request, connections of thousands that were refused would use up the process's files.
  answer.headers.set('connection', 'close');
  return answer;
}

/** A key outlives its environment for a moment. */
export function noSuchEnvironment(c: Context<DeliveryEnv>): Response {
  const { project, environment } = c.get('environment');
  return answerProblem(c, {
    code: 'ENVIRONMENT_NOT_FOUND',
    detail: `The key belongs to ${project}/${environment}, which does not exist.`,
  });
}
