import type { JsonValue } from '@dimmer/schema';
import type { Context } from 'hono';
import type { Result } from '../changes/result.ts';
import type { Reply, TransactOutcome } from '../storage/storage.ts';
import { etagOf, namesEtag } from './etag.ts';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';

/** One thing, as a GET answers with it. */
export interface Representation {
  readonly view: object;
  /** What its ETag is made of. */
  readonly version: number | string;
}

/** Answers a GET for one thing: with it, with 304 where the caller has it, or with the rejection. */
export function answerOne<E extends HttpEnv>(c: Context<E>, found: Result<Representation>): Response {
  if (!found.ok) return answerProblem(c, found.rejection);
  const etag = etagOf(found.value.version);
  const known = c.req.header('if-none-match');
  if (known !== undefined && namesEtag(known, etag, 'weak'))
    return new Response(null, { status: 304, headers: { etag } });
  return json(found.value.view, 200, { etag });
}

/** Answers a GET for anything that has no version: a list, a diff, an explanation. */
export function answerView<E extends HttpEnv>(c: Context<E>, view: Result<object>): Response {
  return view.ok ? json(view.value, 200, {}) : answerProblem(c, view.rejection);
}

/** Answers a write with what its transaction decided, or decided earlier for the same Idempotency-Key. */
export function answerWrite<E extends HttpEnv>(c: Context<E>, outcome: Result<TransactOutcome>): Response {
  if (!outcome.ok) return answerProblem(c, outcome.rejection);
  const { reply, replayed } = outcome.value;
  return json(reply.body, reply.status, {
    ...(reply.etag !== null && { etag: reply.etag }),
    ...(replayed && { 'idempotency-replayed': 'true' }),
  });
}

/**
 * What a write answers with, as it is kept beside an Idempotency-Key.
 *
 * @param version - What the ETag is made of.
 */
export function replyOf(status: 200 | 201, view: object, version: number | string): Reply {
  // Views are JSON by construction; their types say it with interfaces, which JsonValue does not admit.
  return { status, etag: etagOf(version), body: view as JsonValue };
}

function json(body: unknown, status: number, headers: Record<string, string>): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}
