import { LIMITS } from '@dimmer/schema';
import { ChangeSetInput, CommitView, DeclaredState, DryRunQuery, StateView } from '@dimmer/schema/rest';
import { environmentOf } from '../environments/project-state.ts';
import { archiveWarnings } from '../flags/evaluated-lately.ts';
import { answerView } from '../http/answer.ts';
import { commitReply } from '../rest/commit-reply.ts';
import { readProject } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import { editOf, flagsArchivedBy, locateInEdits, sequence } from './change-set.ts';
import { declaredEdit, declaredWarnings, locateInDeclared } from './declare.ts';
import { andThen, mapResult } from './result.ts';
import { stateView } from './state-view.ts';

const tag = 'Changes';
const ENVIRONMENT = '/api/v1/projects/{project}/environments/{environment}';

const changing = restRoute({
  method: 'post',
  path: `${ENVIRONMENT}/changes`,
  tag,
  summary: 'Several edits of flags and segments: one revision, all or nothing.',
  body: ChangeSetInput,
  answer: [200, CommitView],
  conditional: 'allowed',
  problems: [
    'FLAG_NOT_FOUND',
    'CONFIGURATION_NOT_FOUND',
    'SEGMENT_NOT_FOUND',
    'KEY_EXISTS',
    'FLAG_ARCHIVED',
    'IN_USE',
    'RULE_VIOLATED',
    'LIMIT_EXCEEDED',
  ],
});

const declaring = restRoute({
  method: 'put',
  path: `${ENVIRONMENT}/state`,
  tag,
  summary: 'Declares the whole environment as given, in one revision; with `dryRun`, says what would change.',
  query: DryRunQuery.strict(),
  body: DeclaredState,
  bodyBytesMax: LIMITS.stateBytes,
  answer: [200, CommitView],
  conditional: 'allowed',
  problems: ['KEY_EXISTS', 'FLAG_ARCHIVED', 'IN_USE', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const reading = restRoute({
  method: 'get',
  path: `${ENVIRONMENT}/state`,
  tag,
  summary: 'The whole environment, with every flag of the project, as it can be declared.',
  answer: [200, StateView],
});

/** Change sets and declared state. */
export function changeRoutes(services: RestServices): RestRoutes {
  const routes = restRoutes();
  routes.openapi(changing, async (c) => {
    const { project, environment } = c.req.valid('param');
    const { edits, reason } = c.req.valid('json');
    return write(c, services, {
      project,
      action: 'changes',
      subject: `environment/${environment}`,
      reason,
      edit: sequence(edits.map((edit) => editOf(edit, environment))),
      locate: locateInEdits(edits),
      warnings: await archiveWarnings(services, project, flagsArchivedBy(edits)),
      version: (state) => mapResult(environmentOf(state, environment), ({ revision }) => revision),
      reply: (outcome) => commitReply(outcome, environment),
    });
  });
  routes.openapi(declaring, async (c) => {
    const { project, environment } = c.req.valid('param');
    const { dryRun = false } = c.req.valid('query');
    const declared = c.req.valid('json');
    const archived = declared.flags.flatMap(({ key, archived }) => (archived === true ? [key] : []));
    const evaluated = await archiveWarnings(services, project, archived);
    const reconciled = declaredWarnings(environment);
    return write(c, services, {
      project,
      action: 'declare',
      subject: `environment/${environment}`,
      reason: declared.reason,
      edit: declaredEdit(environment, declared),
      locate: locateInDeclared(declared),
      warnings: (before, after) => [...reconciled(before, after), ...evaluated(before, after)],
      dryRun,
      version: (state) => mapResult(environmentOf(state, environment), ({ revision }) => revision),
      reply: (outcome) => commitReply(outcome, environment),
    });
  });
  routes.openapi(reading, async (c) => {
    const { project, environment } = c.req.valid('param');
    const state = await readProject(services.storage, project);
    const view = andThen(state, (found) =>
      mapResult(environmentOf(found, environment), (there) => stateView(found, there)),
    );
    return answerView(c, view);
  });
  return routes;
}
