import {
  PageQuery,
  ProjectInput,
  ProjectPage,
  ProjectPatch,
  ProjectView,
  Revision,
} from '@dimmer/schema/rest';
import { opensProject } from '../access/authorize.ts';
import { accepted, mapResult } from '../changes/result.ts';
import { answerOne, answerView, answerWrite, replyOf } from '../http/answer.ts';
import { idempotencyOf } from '../http/idempotency.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { createProject } from '../rest/create-project.ts';
import { readProject } from '../rest/read-project.ts';
import { actorOf } from '../rest/rest-env.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import type { ProjectState } from './environment.ts';
import { patchProject } from './project-edits.ts';
import { projectView } from './project-views.ts';

const tag = 'Projects';
const PROJECT = '/api/v1/projects/{project}';

/** A project is in no environment: writing it makes no revision. */
const ProjectWriteView = ProjectView.extend({ revision: Revision }).meta({ id: 'ProjectWrite' });

const listing = restRoute({
  method: 'get',
  path: '/api/v1/projects',
  tag,
  summary: 'The projects that the key opens.',
  query: PageQuery.strict(),
  answer: [200, ProjectPage],
});

const creation = restRoute({
  method: 'post',
  path: '/api/v1/projects',
  tag,
  summary: 'A new project, with the environments `production`, `staging` and `development`.',
  body: ProjectInput,
  answer: [201, ProjectWriteView],
  problems: ['KEY_EXISTS', 'LIMIT_EXCEEDED'],
});

const reading = restRoute({
  method: 'get',
  path: PROJECT,
  tag,
  summary: 'A project.',
  answer: [200, ProjectView],
  conditional: 'allowed',
});

const patching = restRoute({
  method: 'patch',
  path: PROJECT,
  tag,
  summary: 'Renames or describes a project.',
  body: ProjectPatch,
  answer: [200, ProjectWriteView],
  conditional: 'allowed',
});

/** Projects. */
export function projectRoutes(services: RestServices): RestRoutes {
  const { storage, random } = services;
  return restRoutes()
    .openapi(listing, async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const projects = (await storage.projects()).filter(({ key }) => opensProject(c.get('key'), key));
      const sorted = projects.toSorted((left, right) => (left.key < right.key ? -1 : 1));
      const page = mapResult(textPosition(cursor), (after) =>
        pageOfSorted(sorted, { after, limit }, (project) => project.key),
      );
      if (!page.ok) return answerView(c, page);
      const states = await Promise.all(page.value.items.map(({ key }) => storage.read(key)));
      const items = states.filter((state) => state !== undefined).map(projectView);
      return answerView(c, accepted({ ...page.value, items }));
    })
    .openapi(creation, async (c) => {
      const idempotency = idempotencyOf(c);
      const outcome = await storage.transact({
        project: null,
        actor: actorOf(c.get('key')),
        ...(idempotency !== undefined && { idempotency }),
        plan: createProject(c.req.valid('json'), random, (state) => replyOf(201, writtenView(state), 1)),
      });
      return answerWrite(c, outcome);
    })
    .openapi(reading, async (c) => {
      const state = await readProject(storage, c.req.valid('param').project);
      return answerOne(
        c,
        mapResult(state, (found) => ({ view: projectView(found), version: found.project.version })),
      );
    })
    .openapi(patching, (c) => {
      const { project } = c.req.valid('param');
      return write(c, services, {
        project,
        action: 'project.patch',
        subject: `project/${project}`,
        edit: patchProject(c.req.valid('json')),
        version: (state) => accepted(state.project.version),
        reply: ({ after }) => replyOf(200, writtenView(after), after.project.version),
      });
    });
}

function writtenView(state: ProjectState): object {
  return { ...projectView(state), revision: 0 };
}
