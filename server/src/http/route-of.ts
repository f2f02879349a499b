import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { HttpEnv } from './http-env.ts';

/** The pattern of the route that took a request, such as `/api/v1/projects/:project`; `none` where none did. */
export function routeOf(c: Context<HttpEnv>): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'none';
}
