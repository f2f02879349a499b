import assert from 'node:assert/strict';
import { FlagInput, FlagListQuery, FlagPage, FlagPatch, FlagView, FlagWriteView } from '@dimmer/schema/rest';
import type { CommitOutcome } from '../changes/commit.ts';
import { andThen, mapResult } from '../changes/result.ts';
import { answerOne, answerView, replyOf } from '../http/answer.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { readProject } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import type { Reply } from '../storage/storage.ts';
import { archiveWarnings } from './evaluated-lately.ts';
import { flagOf } from './find-flag.ts';
import { archiveFlag, createFlag, patchFlag } from './flag-edits.ts';
import { selectFlags } from './flag-selection.ts';
import { flagView } from './flag-views.ts';

const tag = 'Flags';
const FLAGS = '/api/v1/projects/{project}/flags';
const FLAG = `${FLAGS}/{flag}` as const;

const listing = restRoute({
  method: 'get',
  path: FLAGS,
  tag,
  summary: 'The flags of a project, by key.',
  query: FlagListQuery.strict(),
  answer: [200, FlagPage],
});

const creation = restRoute({
  method: 'post',
  path: FLAGS,
  tag,
  summary: 'A new flag, off in every environment.',
  body: FlagInput,
  answer: [201, FlagWriteView],
  problems: ['KEY_EXISTS', 'FLAG_ARCHIVED', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const reading = restRoute({
  method: 'get',
  path: FLAG,
  tag,
  summary: 'A flag.',
  answer: [200, FlagView],
  conditional: 'allowed',
});

const patching = restRoute({
  method: 'patch',
  path: FLAG,
  tag,
  summary: 'Replaces, whole, the fields of a flag that it names; archives it or brings it back.',
  body: FlagPatch,
  answer: [200, FlagWriteView],
  conditional: 'allowed',
  problems: ['FLAG_ARCHIVED', 'IN_USE', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const archiving = restRoute({
  method: 'delete',
  path: FLAG,
  tag,
  summary: 'Archives a flag: it leaves every environment, and can be brought back.',
  answer: [200, FlagWriteView],
  conditional: 'allowed',
  problems: ['IN_USE', 'RULE_VIOLATED'],
});

/** Flags: what is the same in every environment. */
export function flagRoutes(services: RestServices): RestRoutes {
  const { storage } = services;
  return restRoutes()
    .openapi(listing, async (c) => {
      const query = c.req.valid('query');
      const state = await readProject(storage, c.req.valid('param').project);
      const page = andThen(state, (found) =>
        mapResult(textPosition(query.cursor), (after) => {
          const { items, ...rest } = pageOfSorted(
            selectFlags(found, query),
            { after, limit: query.limit },
            ({ key }) => key,
          );
          return { ...rest, items: items.map((flag) => flagView(found, flag)) };
        }),
      );
      return answerView(c, page);
    })
    .openapi(creation, (c) => {
      const { project } = c.req.valid('param');
      const input = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'flag.create',
        subject: `flag/${input.key}`,
        reason: input.reason,
        edit: createFlag(input),
        reply: (outcome) => flagReply(201, outcome, input.key),
      });
    })
    .openapi(reading, async (c) => {
      const { project, flag } = c.req.valid('param');
      const found = andThen(await readProject(storage, project), (state) =>
        mapResult(flagOf(state, flag), (one) => ({ view: flagView(state, one), version: one.version })),
      );
      return answerOne(c, found);
    })
    .openapi(patching, async (c) => {
      const { project, flag } = c.req.valid('param');
      const patch = c.req.valid('json');
      const archives = patch.archived === true ? [flag] : [];
      return write(c, services, {
        project,
        action: 'flag.patch',
        subject: `flag/${flag}`,
        reason: patch.reason,
        edit: patchFlag(flag, patch),
        warnings: await archiveWarnings(services, project, archives),
        version: (state) => mapResult(flagOf(state, flag), ({ version }) => version),
        reply: (outcome) => flagReply(200, outcome, flag),
      });
    })
    .openapi(archiving, async (c) => {
      const { project, flag } = c.req.valid('param');
      return write(c, services, {
        project,
        action: 'flag.archive',
        subject: `flag/${flag}`,
        edit: archiveFlag(flag),
        warnings: await archiveWarnings(services, project, [flag]),
        version: (state) => mapResult(flagOf(state, flag), ({ version }) => version),
        reply: (outcome) => flagReply(200, outcome, flag),
      });
    });
}

function flagReply(status: 200 | 201, { after, revisions, warnings }: CommitOutcome, key: string): Reply {
  const flag = after.flags.get(key);
  assert(flag !== undefined, `the flag ${key} is gone after an edit of it`);
  const revision = Math.max(0, ...Object.values(revisions));
  return replyOf(
    status,
    { flag: flagView(after, flag), revision, revisions, warnings: [...warnings] },
    flag.version,
  );
}
