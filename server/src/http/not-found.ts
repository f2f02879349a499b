import type { Context, Hono } from 'hono';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Answers what no route takes, and says which methods the path has. */
export function answerNotFound<E extends HttpEnv>(app: Pick<Hono<E>, 'router'>): (c: Context<E>) => Response {
  return (c) => {
    const { method, path } = c.req;
    const allowed = METHODS.filter((other) => hasRoute(app, other, path));
    if (allowed.length === 0)
      return answerProblem(c, { code: 'ROUTE_NOT_FOUND', detail: `There is no ${path}.` });
    const response = answerProblem(c, {
      code: 'METHOD_NOT_ALLOWED',
      detail: `${path} does not take ${method}.`,
      remedy: `Use ${allowed.join(' or ')}.`,
    });
    response.headers.set('allow', allowed.join(', '));
    return response;
  };
}

function hasRoute<E extends HttpEnv>(
  { router }: Pick<Hono<E>, 'router'>,
  method: string,
  path: string,
): boolean {
  const [handlers] = router.match(method, path);
  return handlers.some(([[, route]]) => !route.path.endsWith('*'));
}
