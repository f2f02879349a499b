import { CommitView, RevertInput } from '@dimmer/schema/rest';
import type { EnvironmentRef } from '../environments/environment.ts';
import { environmentOf } from '../environments/project-state.ts';
import { answerWrite } from '../http/answer.ts';
import { answerProblem } from '../http/problem.ts';
import { commitReply } from '../rest/commit-reply.ts';
import { readEnvironment } from '../rest/read-project.ts';
import { outsideHistory, resolvePoint } from '../rest/resolve-point.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { Write } from '../rest/write.ts';
import { commitWrite } from '../rest/write.ts';
import type { ObjectAt, Storage } from '../storage/storage.ts';
import type { Result } from './result.ts';
import { accepted, andThen, mapResult, rejected } from './result.ts';
import { revertEdit, revertWarnings, stillAt } from './revert.ts';

const reverting = restRoute({
  method: 'post',
  path: '/api/v1/projects/{project}/environments/{environment}/revert',
  tag: 'Changes',
  summary:
    'The environment as it was at a revision or time, in one new revision. Kills stay unless `includeKills`.',
  body: RevertInput,
  answer: [200, CommitView],
  conditional: 'allowed',
  problems: ['REVISION_NOT_FOUND', 'FLAG_NOT_FOUND', 'RULE_VIOLATED', 'LIMIT_EXCEEDED', 'IN_USE'],
});

/** What an environment was at a revision, read at one moment. */
interface Past {
  readonly to: number;
  /** The revision at which the differences were read. */
  readonly now: number;
  readonly differences: readonly ObjectAt[];
}

/** How often a revert is prepared anew when other writes come between reading the history and writing. */
const ATTEMPTS_MAX = 5;

/** Going back. */
export function revertRoutes(services: RestServices): RestRoutes {
  const routes = restRoutes();
  routes.openapi(reverting, async (c) => {
    const ref = c.req.valid('param');
    const input = c.req.valid('json');
    for (let attempt = 1; ; attempt += 1) {
      const past = await readPast(services.storage, ref, input.to);
      if (!past.ok) return answerProblem(c, past.rejection);
      const outcome = await commitWrite(c, services, revertWrite(ref, input, past.value));
      const isOvertaken = !outcome.ok && outcome.rejection.code === 'UNAVAILABLE';
      if (!isOvertaken || attempt === ATTEMPTS_MAX) return answerWrite(c, outcome);
    }
  });
  return routes;
}

function revertWrite(
  { project, environment }: EnvironmentRef,
  { flags, includeKills, dryRun, reason }: RevertInput,
  { to, now, differences }: Past,
): Write {
  const options = { to, flags, includeKills };
  const edit = revertEdit(environment, differences, options);
  return {
    project,
    action: 'revert',
    subject: `environment/${environment}`,
    reason: reason ?? `Back to revision ${to}.`,
    edit: (state, context) => andThen(stillAt(environment, now)(state), () => edit(state, context)),
    // What is at fault stands in the history, nowhere in the request.
    locate: () => undefined,
    warnings: revertWarnings(environment, differences, options),
    dryRun,
    version: (state) => mapResult(environmentOf(state, environment), ({ revision }) => revision),
    reply: (outcome) => commitReply(outcome, environment),
  };
}

async function readPast(
  storage: Pick<Storage, 'read' | 'revisionAt' | 'differencesAt'>,
  ref: EnvironmentRef,
  point: number | string,
): Promise<Result<Past>> {
  const state = await readEnvironment(storage, ref.project, ref.environment);
  if (!state.ok) return state;
  const to = await resolvePoint(storage, ref, state.value, point);
  if (!to.ok) return to;
  const differences = await storage.differencesAt(ref, to.value);
  if (differences === undefined) return rejected(outsideHistory(point, state.value));
  return accepted({ to: to.value, now: state.value.revision, differences });
}
