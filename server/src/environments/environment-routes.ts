import {
  EnvironmentInput,
  EnvironmentPage,
  EnvironmentPatch,
  EnvironmentView,
  EpochRenewal,
  PageQuery,
} from '@dimmer/schema/rest';
import type { CommitOutcome } from '../changes/commit.ts';
import { andThen, mapResult } from '../changes/result.ts';
import { answerOne, answerView, replyOf } from '../http/answer.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { newEpoch } from '../rest/create-project.ts';
import { environmentAfter } from '../rest/environment-after.ts';
import { readEnvironment, readProject } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import type { Reply } from '../storage/storage.ts';
import { createEnvironment, patchEnvironment, renewEpoch } from './environment-edits.ts';
import { environmentView } from './environment-views.ts';
import { environmentOf } from './project-state.ts';

const tag = 'Environments';
const ENVIRONMENTS = '/api/v1/projects/{project}/environments';
const ENVIRONMENT = `${ENVIRONMENTS}/{environment}` as const;

const listing = restRoute({
  method: 'get',
  path: ENVIRONMENTS,
  tag,
  summary: 'The environments of a project.',
  query: PageQuery.strict(),
  answer: [200, EnvironmentPage],
});

const creation = restRoute({
  method: 'post',
  path: ENVIRONMENTS,
  tag,
  summary: 'A new environment, empty or with the configurations of another.',
  body: EnvironmentInput,
  answer: [201, EnvironmentView],
  problems: ['KEY_EXISTS', 'LIMIT_EXCEEDED', 'ENVIRONMENT_NOT_FOUND'],
});

const reading = restRoute({
  method: 'get',
  path: ENVIRONMENT,
  tag,
  summary: 'An environment and its revision.',
  answer: [200, EnvironmentView],
  conditional: 'allowed',
});

const patching = restRoute({
  method: 'patch',
  path: ENVIRONMENT,
  tag,
  summary: 'Renames an environment, or turns its secure mode on or off.',
  body: EnvironmentPatch,
  answer: [200, EnvironmentView],
  conditional: 'allowed',
});

const renewal = restRoute({
  method: 'post',
  path: `${ENVIRONMENT}/renew-epoch`,
  tag,
  summary:
    'A new epoch: every SDK takes all of the environment anew, also one that knows revisions which were lost.',
  body: EpochRenewal,
  answer: [200, EnvironmentView],
});

/**
 * Environments of projects.
 *
 * @param secureMode - Told after it may have been turned on or off.
 */
export function environmentRoutes(services: RestServices, secureMode: { invalidate(): void }): RestRoutes {
  const { storage, random } = services;
  return restRoutes()
    .openapi(listing, async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const state = await readProject(storage, c.req.valid('param').project);
      const page = andThen(state, ({ environments }) =>
        mapResult(textPosition(cursor), (after) => {
          const views = [...environments.values()].map(environmentView);
          const sorted = views.toSorted((left, right) => (left.key < right.key ? -1 : 1));
          return pageOfSorted(sorted, { after, limit }, ({ key }) => key);
        }),
      );
      return answerView(c, page);
    })
    .openapi(creation, (c) => {
      const { project } = c.req.valid('param');
      const input = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'environment.create',
        subject: `environment/${input.key}`,
        edit: createEnvironment(input, newEpoch(random)),
        reply: (outcome) => environmentReply(201, outcome, input.key),
      });
    })
    .openapi(reading, async (c) => {
      const { project, environment } = c.req.valid('param');
      const state = await readEnvironment(storage, project, environment);
      return answerOne(
        c,
        mapResult(state, (found) => ({ view: environmentView(found), version: found.revision })),
      );
    })
    .openapi(patching, async (c) => {
      const { project, environment } = c.req.valid('param');
      const answer = await write(c, services, {
        project,
        action: 'environment.patch',
        subject: `environment/${environment}`,
        edit: patchEnvironment(environment, c.req.valid('json')),
        version: (state) => mapResult(environmentOf(state, environment), ({ revision }) => revision),
        reply: (outcome) => environmentReply(200, outcome, environment),
      });
      secureMode.invalidate();
      return answer;
    })
    .openapi(renewal, (c) => {
      const { project, environment } = c.req.valid('param');
      return write(c, services, {
        project,
        action: 'environment.renew-epoch',
        subject: `environment/${environment}`,
        reason: c.req.valid('json').reason,
        edit: renewEpoch(environment, newEpoch(random)),
        reply: (outcome) => environmentReply(200, outcome, environment),
      });
    });
}

function environmentReply(status: 200 | 201, outcome: CommitOutcome, key: string): Reply {
  const environment = environmentAfter(outcome, key);
  return replyOf(status, environmentView(environment), environment.revision);
}
