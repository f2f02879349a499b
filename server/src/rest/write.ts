import type { Context } from 'hono';
import type { CommitRequest } from '../changes/commit.ts';
import { commit } from '../changes/commit.ts';
import type { Result } from '../changes/result.ts';
import { accepted, andThen } from '../changes/result.ts';
import type { ProjectState } from '../environments/environment.ts';
import { answerWrite } from '../http/answer.ts';
import { etagOf } from '../http/etag.ts';
import { idempotencyOf } from '../http/idempotency.ts';
import type { Preconditions } from '../http/preconditions.ts';
import { checkPreconditions } from '../http/preconditions.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import type { RestEnv } from './rest-env.ts';
import { actorOf } from './rest-env.ts';
import type { RestServices } from './rest-services.ts';

/** What a write does, as its route says it. */
export interface Write
  extends Pick<CommitRequest, 'project' | 'action' | 'subject' | 'edit' | 'locate' | 'warnings' | 'reply'> {
  readonly reason?: string | undefined;
  /** Decide and answer, and write nothing. */
  readonly dryRun?: boolean;
  /**
   * The version that If-Match and If-None-Match are about: `null` where there is none and the write makes the
   * first, a rejection where the write is about something that is not there. Left out: the write is
   * unconditional.
   */
  readonly version?: (state: ProjectState) => Result<number | null>;
  /** Whether the request must say which version it replaces. */
  readonly replaces?: true;
}

/** Commits a write and answers with its reply: the last step of every route that changes a project. */
export async function write(c: Context<RestEnv>, services: RestServices, asked: Write): Promise<Response> {
  return answerWrite(c, await commitWrite(c, services, asked));
}

/** Commits a write; for a route that may have to try again before it answers. */
export function commitWrite(
  c: Context<RestEnv>,
  services: RestServices,
  asked: Write,
): Promise<Result<TransactOutcome>> {
  const { storage, random, sizes, onCommitted, tracing } = services;
  const { reason = null, version: _, replaces: __, dryRun = false, ...request } = asked;
  const idempotency = dryRun ? undefined : idempotencyOf(c);
  return commit(storage, {
    ...request,
    reason,
    dryRun,
    actor: actorOf(c.get('key')),
    precondition: preconditionOf(c, asked),
    ...(idempotency !== undefined && { idempotency }),
    newSeed: () => random.uint32(),
    sizes,
    onCommitted,
    tracing,
  });
}

function preconditionOf(
  c: Context<RestEnv>,
  { version, replaces }: Write,
): (state: ProjectState) => Result<void> {
  const conditions: Preconditions = {
    ifMatch: c.req.header('if-match'),
    ifNoneMatch: c.req.header('if-none-match'),
    required: replaces === true,
  };
  return (state) => {
    if (version === undefined) return accepted(undefined);
    return andThen(version(state), (current) =>
      checkPreconditions(conditions, current === null ? null : etagOf(current)),
    );
  };
}
