import assert from 'node:assert/strict';
import {
  CommitView,
  PageQuery,
  SegmentInput,
  SegmentPage,
  SegmentPatch,
  SegmentReplacement,
  SegmentView,
} from '@dimmer/schema/rest';
import type { CommitOutcome } from '../changes/commit.ts';
import type { Result } from '../changes/result.ts';
import { andThen, mapResult } from '../changes/result.ts';
import type { ProjectState } from '../environments/environment.ts';
import { environmentOf } from '../environments/project-state.ts';
import { answerOne, answerView, replyOf } from '../http/answer.ts';
import { pageOfSorted, textPosition } from '../http/page-cursor.ts';
import { commitReply } from '../rest/commit-reply.ts';
import { environmentAfter } from '../rest/environment-after.ts';
import { readEnvironment } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import type { Reply } from '../storage/storage.ts';
import { createSegment, deleteSegment, patchSegment, putSegment, segmentOf } from './segment-edits.ts';
import { segmentView } from './segment-views.ts';

const tag = 'Segments';
const SEGMENTS = '/api/v1/projects/{project}/environments/{environment}/segments';
const SEGMENT = `${SEGMENTS}/{segment}` as const;

const listing = restRoute({
  method: 'get',
  path: SEGMENTS,
  tag,
  summary: 'The segments of an environment, by key.',
  query: PageQuery.strict(),
  answer: [200, SegmentPage],
});

const creation = restRoute({
  method: 'post',
  path: SEGMENTS,
  tag,
  summary: 'A new segment.',
  body: SegmentInput,
  answer: [201, SegmentView],
  problems: ['KEY_EXISTS', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const reading = restRoute({
  method: 'get',
  path: SEGMENT,
  tag,
  summary: 'A segment.',
  answer: [200, SegmentView],
  conditional: 'allowed',
});

const putting = restRoute({
  method: 'put',
  path: SEGMENT,
  tag,
  summary: 'Replaces a segment. It must say which version it replaces, or that there is none.',
  body: SegmentReplacement,
  answer: [200, SegmentView],
  conditional: 'required',
  problems: ['KEY_EXISTS', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const patching = restRoute({
  method: 'patch',
  path: SEGMENT,
  tag,
  summary: 'Replaces, whole, the fields of a segment that it names.',
  body: SegmentPatch,
  answer: [200, SegmentView],
  conditional: 'allowed',
  problems: ['RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const deletion = restRoute({
  method: 'delete',
  path: SEGMENT,
  tag,
  summary: 'Deletes a segment that nothing refers to.',
  answer: [200, CommitView],
  conditional: 'allowed',
  problems: ['IN_USE'],
});

/** Segments of environments. */
export function segmentRoutes(services: RestServices): RestRoutes {
  return restRoutes()
    .openapi(listing, async (c) => {
      const { project, environment } = c.req.valid('param');
      const { cursor, limit } = c.req.valid('query');
      const found = await readEnvironment(services.storage, project, environment);
      const page = andThen(found, (there) =>
        mapResult(textPosition(cursor), (after) => {
          const views = [...there.segments.values()].map((place) => segmentView(there, place));
          const sorted = views.toSorted((left, right) => (left.key < right.key ? -1 : 1));
          return pageOfSorted(sorted, { after, limit }, ({ key }) => key);
        }),
      );
      return answerView(c, page);
    })
    .openapi(creation, (c) => {
      const { project, environment } = c.req.valid('param');
      const input = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'segment.create',
        subject: `segment/${input.key}`,
        reason: input.reason,
        edit: createSegment(environment, input),
        reply: (outcome) => segmentReply(201, outcome, environment, input.key),
      });
    })
    .openapi(reading, async (c) => {
      const { project, environment, segment } = c.req.valid('param');
      const found = andThen(await readEnvironment(services.storage, project, environment), (there) =>
        mapResult(segmentOf(there, segment), (place) => ({
          view: segmentView(there, place),
          version: place.version,
        })),
      );
      return answerOne(c, found);
    })
    .openapi(putting, (c) => {
      const { project, environment, segment } = c.req.valid('param');
      const input = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'segment.put',
        subject: `segment/${segment}`,
        reason: input.reason,
        edit: putSegment(environment, segment, input),
        version: (state) => versionToReplace(state, environment, segment),
        replaces: true,
        reply: (outcome) => segmentReply(200, outcome, environment, segment),
      });
    })
    .openapi(patching, (c) => {
      const { project, environment, segment } = c.req.valid('param');
      const patch = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'segment.patch',
        subject: `segment/${segment}`,
        reason: patch.reason,
        edit: patchSegment(environment, segment, patch),
        version: (state) => versionOf(state, environment, segment),
        reply: (outcome) => segmentReply(200, outcome, environment, segment),
      });
    })
    .openapi(deletion, (c) => {
      const { project, environment, segment } = c.req.valid('param');
      return write(c, services, {
        project,
        action: 'segment.delete',
        subject: `segment/${segment}`,
        edit: deleteSegment(environment, segment),
        version: (state) => versionOf(state, environment, segment),
        reply: (outcome) => commitReply(outcome, environment),
      });
    });
}

function segmentReply(status: 200 | 201, outcome: CommitOutcome, environment: string, key: string): Reply {
  const there = environmentAfter(outcome, environment);
  const place = there.segments.get(key);
  assert(place !== undefined, `the segment ${key} is gone after an edit of it`);
  return replyOf(status, segmentView(there, place), place.version);
}

function versionOf(state: ProjectState, environment: string, key: string): Result<number> {
  return andThen(environmentOf(state, environment), (there) =>
    mapResult(segmentOf(there, key), ({ version }) => version),
  );
}

function versionToReplace(state: ProjectState, environment: string, key: string): Result<number | null> {
  return mapResult(environmentOf(state, environment), ({ segments }) => segments.get(key)?.version ?? null);
}
