import type { FlagListQuery } from '@dimmer/schema/rest';
import type { ProjectState } from '../environments/environment.ts';
import type { Flag } from './flag.ts';

/** What a list of flags is narrowed down by. */
export type FlagFilter = Pick<FlagListQuery, 'tag' | 'owner' | 'kind' | 'q' | 'state'>;

/** The flags that match every part of a filter, by key. */
export function selectFlags(project: Pick<ProjectState, 'flags'>, filter: FlagFilter): Flag[] {
  const selected = [...project.flags.values()].filter((flag) => matches(flag, filter));
  return selected.toSorted((left, right) => (left.key < right.key ? -1 : 1));
}

function matches(flag: Flag, { tag, owner, kind, q, state }: FlagFilter): boolean {
  return (
    (state === 'all' || (state === 'archived') === (flag.archivedAt !== null)) &&
    (tag === undefined || flag.tags.includes(tag)) &&
    (owner === undefined || flag.owner === owner) &&
    (kind === undefined || flag.kind === kind) &&
    (q === undefined || hasText(flag, q.toLowerCase()))
  );
}

function hasText({ key, name, description }: Flag, text: string): boolean {
  return [key, name, description].some((field) => field.toLowerCase().includes(text));
}
