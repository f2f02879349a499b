import { LIMITS } from '@dimmer/schema';
import { Key } from '@dimmer/schema/rest';
import type { RouteConfig } from '@hono/zod-openapi';
import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { requirePermission } from '../access/guard.ts';
import { permissionOf } from '../access/permissions.ts';
import { jsonBody } from '../http/json-body.ts';
import { refuseInvalid } from '../http/refuse-invalid.ts';
import type { RouteTraits } from './rest-answers.ts';
import { answersOf } from './rest-answers.ts';
import type { RestEnv } from './rest-env.ts';

/** The routes of one capability. */
export type RestRoutes = OpenAPIHono<RestEnv>;

/** What a route is: its place, what it takes, what it answers. */
export interface RouteDeclaration<
  Path extends string,
  Query extends z.ZodObject,
  Body extends z.ZodType | undefined,
> extends RouteTraits {
  readonly path: Path;
  readonly summary: string;
  /** The chapter of the OpenAPI document. */
  readonly tag: string;
  /** Left out: the route takes no query, and refuses one. */
  readonly query?: Query;
  readonly body?: Body;
  /** Bytes of the body. Default: `LIMITS.bodyBytes`. */
  readonly bodyBytesMax?: number;
}

/** A declared route, as `OpenAPIHono.openapi` takes it. */
export interface RestRoute<Path extends string, Query extends z.ZodObject, Body extends z.ZodType | undefined>
  extends RouteConfig {
  readonly path: Path;
  readonly request: {
    readonly params: z.ZodObject<{ [Name in ParamsOf<Path>]: typeof Key }>;
    readonly query: Query;
  } & ([Body] extends [z.ZodType]
    ? {
        readonly body: {
          readonly required: true;
          readonly content: { 'application/json': { schema: Body } };
        };
      }
    : unknown);
}

/** The names in braces: `project` in `/projects/{project}`. */
type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsOf<Rest>
  : never;

const NoQuery = z.strictObject({});

/** An empty set of routes, which answers invalid requests with a problem. */
export function restRoutes(): RestRoutes {
  return new OpenAPIHono<RestEnv>({ defaultHook: refuseInvalid });
}

/**
 * Declares a route of the REST API. What it needs of a key comes from the table of permissions, the problems
 * that it documents from what it takes.
 *
 * @throws Error for a route without a permission.
 * @example
 * const getFlag = restRoute({
 *   method: 'get', path: '/api/v1/projects/{project}/flags/{flag}', tag: 'Flags', summary: 'A flag.',
 *   answer: [200, FlagView], conditional: true,
 * });
 */
export function restRoute<
  Path extends string,
  Query extends z.ZodObject = typeof NoQuery,
  Body extends z.ZodType | undefined = undefined,
>(declaration: RouteDeclaration<Path, Query, Body>): RestRoute<Path, Query, Body> {
  const { method, path, summary, tag, query, body, bodyBytesMax = LIMITS.bodyBytes } = declaration;
  const config: RouteConfig = {
    method,
    path,
    summary,
    tags: [tag],
    operationId: operationIdOf(method, path),
    security: [{ adminKey: [] }],
    request: {
      params: paramsOf(path),
      query: query ?? NoQuery,
      ...(body !== undefined && {
        body: { required: true, content: { 'application/json': { schema: body } } },
      }),
    },
    responses: answersOf(declaration),
    middleware: [
      requirePermission(permissionOf(method, path)),
      ...(body === undefined ? [] : [jsonBody(bodyBytesMax)]),
    ],
  };
  // The generic types say what was just built; TypeScript cannot follow a path template.
  return config as unknown as RestRoute<Path, Query, Body>;
}

function paramsOf(path: string): z.ZodObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, Key] as const);
  return z.object(Object.fromEntries(names));
}

/** @example operationIdOf('get', '/api/v1/projects/{project}') // 'get_projects_project' */
function operationIdOf(method: string, path: string): string {
  const words = path.replace('/api/v1/', '').match(/\w+/g) ?? [];
  return [method, ...words].join('_');
}
