import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import type { ObjectAt } from '../storage/storage.ts';
import { type ChangedObjectView, documentView, segmentDocumentView } from './change-views.ts';
import { documentOf } from './compare.ts';

/**
 * The objects that differ between two revisions of an environment.
 *
 * @param environment - The environment now, read at the same moment as the differences.
 * @param from - What was different at the earlier revision, from `storage.differencesAt`.
 * @param to - What was different at the later one; empty for the revision of now.
 * @returns In the order of kind and key.
 */
export function diffOf(
  state: ProjectState,
  environment: EnvironmentState,
  from: readonly ObjectAt[],
  to: readonly ObjectAt[],
): ChangedObjectView[] {
  const earlier = viewsByName(from);
  const later = viewsByName(to);
  return [...new Map([...earlier, ...later]).values()]
    .map(({ kind, key }) => {
      const name = nameOf(kind, key);
      const now = (): ChangedObjectView['before'] => currentView(state, environment, kind, key);
      const before = earlier.get(name);
      const after = later.get(name);
      return {
        kind,
        key,
        before: before === undefined ? now() : before.view,
        after: after === undefined ? now() : after.view,
      };
    })
    .filter(({ before, after }) => !isDeepStrictEqual(before, after))
    .toSorted((left, right) => (nameOf(left.kind, left.key) < nameOf(right.kind, right.key) ? -1 : 1));
}

interface ViewAt {
  readonly kind: ObjectAt['kind'];
  readonly key: string;
  readonly view: ChangedObjectView['before'];
}

function viewsByName(objects: readonly ObjectAt[]): Map<string, ViewAt> {
  return new Map(
    objects.map((object) => {
      const { kind, key } = object;
      const view =
        object.kind === 'flag' ? documentView(object.document) : segmentDocumentView(object.document);
      return [nameOf(kind, key), { kind, key, view }];
    }),
  );
}

function currentView(
  state: ProjectState,
  environment: EnvironmentState,
  kind: ObjectAt['kind'],
  key: string,
): ChangedObjectView['before'] {
  return kind === 'flag'
    ? documentView(documentOf(state, environment, key))
    : segmentDocumentView(environment.segments.get(key)?.segment ?? null);
}

function nameOf(kind: ObjectAt['kind'], key: string): string {
  return `${kind}/${key}`;
}
