import type { JsonValue } from '@dimmer/schema';
import type { ChangeView, CommitView } from '@dimmer/schema/rest';
import { editableView, killView } from '../flags/configuration-views.ts';
import type { Segment } from '../segments/segment.ts';
import type { Change, ChangedObject, FlagDocument } from '../storage/storage.ts';
import type { CommitOutcome } from './commit.ts';

/** One object before and after, as answers show it. */
export type ChangedObjectView = ChangeView['objects'][number];

/** One revision of the history. */
export function changeView({ revision, at, actor, action, reason, kill, objects }: Change): ChangeView {
  return { revision, at, actor: actor.name, action, reason, kill, objects: objects.map(changedObjectView) };
}

/**
 * What a commit did to one environment, or would do.
 *
 * @example commitView(outcome, 'production')
 */
export function commitView(outcome: CommitOutcome, environment: string): CommitView {
  const { after, revisions, commits, changed, dryRun, warnings } = outcome;
  const objects = commits.find((commit) => commit.environment === environment)?.objects ?? [];
  return {
    revision: after.environments.get(environment)?.revision ?? 0,
    revisions: { ...revisions },
    changed,
    dryRun,
    objects: objects.map(changedObjectView),
    warnings: warnings.map(({ flag, rule, message }) => ({ flag, rule, message })),
  };
}

/** What of a flag counts in an environment: its values, its configuration and its kill. */
export function documentView(document: FlagDocument | null): ChangedObjectView['before'] {
  if (document === null) return null;
  const { type, variations, exposeToClients, metadata } = document.flag;
  return jsonOf({
    type,
    variations,
    exposeToClients,
    metadata,
    ...editableView(document.configuration),
    kill: killView(document.kill),
  });
}

export function segmentDocumentView(segment: Segment | null): ChangedObjectView['before'] {
  return segment === null ? null : jsonOf(segment);
}

function changedObjectView(object: ChangedObject): ChangedObjectView {
  const { kind, key } = object;
  return kind === 'flag'
    ? { kind, key, before: documentView(object.before), after: documentView(object.after) }
    : { kind, key, before: segmentDocumentView(object.before), after: segmentDocumentView(object.after) };
}

/** Documents are JSON by construction; their types say it with interfaces, which JsonValue does not admit. */
function jsonOf(document: object): JsonValue {
  return document as JsonValue;
}
