import type { ProblemCode } from '@dimmer/schema';
import { PROBLEMS } from '@dimmer/schema';
import { ProblemView } from '@dimmer/schema/rest';
import type { RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import { PROBLEM_MEDIA_TYPE } from '../http/problem.ts';

/** What decides which answers a route documents. */
export interface RouteTraits {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly body?: z.ZodType | undefined;
  /** The status of success, and what is answered then; as JSON where nothing else is said. */
  readonly answer: readonly [status: 200 | 201, view: z.ZodType, mediaType?: 'text/event-stream'];
  /** What is answered with 202 where the server took it, and the database does not have it. */
  readonly held?: z.ZodType;
  /**
   * Whether the answer carries an ETag and the request may carry conditions. `required`: it must say which
   * version it replaces.
   */
  readonly conditional?: 'allowed' | 'required';
  /** Problems beside those that follow from method, path and body. */
  readonly problems?: readonly ProblemCode[];
}

type Answers = RouteConfig['responses'];

const ANY_ROUTE: readonly ProblemCode[] = [
  'INVALID_REQUEST',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'WRONG_KEY_KIND',
  'INTERNAL',
  'UNAVAILABLE',
];

const WITH_BODY: readonly ProblemCode[] = ['INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

const BY_PARAM: ReadonlyMap<string, ProblemCode> = new Map([
  ['project', 'PROJECT_NOT_FOUND'],
  ['environment', 'ENVIRONMENT_NOT_FOUND'],
  ['flag', 'FLAG_NOT_FOUND'],
  ['segment', 'SEGMENT_NOT_FOUND'],
  ['id', 'KEY_NOT_FOUND'],
  ['revision', 'REVISION_NOT_FOUND'],
]);

/** Every answer that a route may give, success and problems, as OpenAPI lists them. */
export function answersOf(route: RouteTraits): Answers {
  return { ...successOf(route), ...problemAnswers(problemsOf(route)) };
}

function problemsOf(route: RouteTraits): ReadonlySet<ProblemCode> {
  const { method, path, body, conditional, problems = [] } = route;
  const params = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => BY_PARAM.get(name));
  return new Set([
    ...ANY_ROUTE,
    ...params.filter((code) => code !== undefined),
    ...(body === undefined ? [] : WITH_BODY),
    ...writeProblems(method, conditional),
    ...problems,
  ]);
}

function writeProblems(method: string, conditional: RouteTraits['conditional']): readonly ProblemCode[] {
  if (method === 'get') return [];
  return [
    'STORAGE_FULL',
    ...(conditional === undefined ? [] : (['PRECONDITION_FAILED'] as const)),
    ...(conditional === 'required' ? (['PRECONDITION_REQUIRED'] as const) : []),
    ...(method === 'post' ? (['REQUEST_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED'] as const) : []),
  ];
}

function successOf(route: RouteTraits): Answers {
  const {
    method,
    answer: [status, view, mediaType],
    held,
    conditional,
  } = route;
  const success = { description: 'Done.', content: { [mediaType ?? 'application/json']: { schema: view } } };
  const unchanged = method === 'get' && conditional !== undefined;
  return {
    [status]: success,
    ...(held !== undefined && {
      202: { description: 'Held in this server.', content: { 'application/json': { schema: held } } },
    }),
    ...(unchanged && { 304: { description: 'It is as If-None-Match says.' } }),
  };
}

function problemAnswers(codes: ReadonlySet<ProblemCode>): Answers {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { [PROBLEM_MEDIA_TYPE]: { schema: ProblemView } };
  const answers = [...byStatus].map(([status, same]) => [status, { description: wordsOf(same), content }]);
  return Object.fromEntries(answers);
}

function wordsOf(codes: readonly ProblemCode[]): string {
  return codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n');
}
