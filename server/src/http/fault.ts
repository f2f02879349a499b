import type { Context } from 'hono';
import type { Rejection } from '../changes/result.ts';
import type { Log } from '../platform/log.ts';
import { StorageFault } from '../storage/storage.ts';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';

/**
 * The one place where what was thrown becomes an answer. A fault of the world says what is wrong with it;
 * a mistake of ours says only the request id, and its stack goes to the log.
 *
 * @param unavailable - What is said while what is read from does not answer.
 */
export function answerFault<E extends HttpEnv>(
  log: Log,
  unavailable: string,
): (cause: unknown, c: Context<E>) => Response {
  return (cause, c) => {
    const rejection = rejectionOf(cause, unavailable);
    const requestId = c.get('requestId');
    if (rejection.code === 'INTERNAL') log.error({ requestId, err: cause }, 'a request met a defect');
    else log.warn({ requestId, err: cause }, 'a request met a storage fault');
    return answerProblem(c, rejection);
  };
}

function rejectionOf(cause: unknown, unavailable: string): Rejection {
  if (!(cause instanceof StorageFault)) {
    return { code: 'INTERNAL', detail: 'Something unexpected happened. The server log has the cause.' };
  }
  switch (cause.fault) {
    case 'full':
      return { code: 'STORAGE_FULL', detail: 'The disk of the database has no space left. Reads go on.' };
    case 'unavailable':
      return { code: 'UNAVAILABLE', detail: cause.told ?? unavailable };
    case 'damaged':
      return {
        code: 'UNAVAILABLE',
        detail: 'The database is damaged.',
        remedy: 'The operator has to restore a backup; the server log says more.',
      };
    default:
      return cause.fault satisfies never;
  }
}
