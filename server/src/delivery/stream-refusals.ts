import type { Context } from 'hono';
import { answerProblem } from '../http/problem.ts';
import type { RefusalCause } from './admission.ts';
import type { StreamOutcome } from './delivery.ts';
import type { DeliveryEnv } from './delivery-env.ts';

const REFUSALS: Readonly<Record<RefusalCause, string>> = {
  node: 'This server has as many streams as it takes.',
  key: 'This key has as many streams as one key may have.',
  rate: 'Too many streams are being opened at the same time.',
  draining: 'The server is draining.',
};

/**
 * Its readers come back one by one, because each is told another time.
 *
 * @param instead - What may be asked meanwhile.
 */
export function tooManyStreams(
  c: Context<DeliveryEnv>,
  { cause, retryAfterSeconds }: Extract<StreamOutcome, { readonly outcome: 'refused' }>,
  instead: string,
): Response {
  const answer = answerProblem(c, {
    code: 'UNAVAILABLE',
    detail: REFUSALS[cause],
    remedy: `Read ${instead} meanwhile, and ask for a stream again after the time in Retry-After.`,
  });
  answer.headers.set('retry-after', String(retryAfterSeconds));
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
