import type { Publication, Snapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import type { DeliveredChange, DeliveredObject } from '../delivery/delivery-source.ts';
import { isKilled } from '../delivery/environment-copy.ts';

/** How many steps are kept for a reader that has not taken them yet. It takes each in the turn in which it comes. */
export const CHANGES_KEPT_MAX = 100;

/** An environment as a relay knows it: where it is, and the last steps that led there. Immutable. */
export interface EnvironmentHistory {
  readonly snapshot: Snapshot<WireObject>;
  /** In order, each following on the one before, the last one leading to the snapshot. */
  readonly changes: readonly DeliveredChange[];
  /**
   * Counts the histories that a relay has told of one environment. What was read in one line does not lead on into
   * the next: the upstream was restored, or a copy that had gone wrong was replaced at its revision.
   */
  readonly line: number;
  /** The line that streams go on from: where the upstream's stream crosses to another epoch, those of the relay do too. */
  readonly lineage: number;
}

/** What the follower publishes, as far as it matters here. */
export type Published = Pick<Publication<WireObject>, 'snapshot' | 'kill'> & {
  /** Whether the stream of the upstream went on over it, also into another epoch. */
  readonly goesOn?: boolean;
};

/**
 * The history after a publication. The upstream may have gone over several revisions since the last: that is one step,
 * as a slow reader of a server gets it.
 */
export function withPublished(
  history: EnvironmentHistory | undefined,
  published: Published,
): EnvironmentHistory {
  const { snapshot, goesOn = false } = published;
  if (history === undefined) return { snapshot, changes: [], line: 1, lineage: 1 };
  const before = history.snapshot;
  const leadsOn = snapshot.epoch === before.epoch && snapshot.revision > before.revision;
  const line = history.line + 1;
  if (!leadsOn) return { snapshot, changes: [], line, lineage: goesOn ? history.lineage : line };
  const changes = [...history.changes, stepFrom(before, published)].slice(-CHANGES_KEPT_MAX);
  return { ...history, snapshot, changes };
}

/** The steps that lead on from a revision; `undefined` where they are not kept: read the snapshot. */
export function stepsAfter(
  { snapshot, changes }: EnvironmentHistory,
  revision: number,
): readonly DeliveredChange[] | undefined {
  if (revision === snapshot.revision) return [];
  const first = changes.findIndex(({ from }) => from === revision);
  return first < 0 ? undefined : changes.slice(first);
}

/**
 * What leads from one snapshot to the next. A flag that is killed now and was not makes it a kill, also where the
 * upstream did not say so: a poll and a full transfer tell of no kills.
 */
function stepFrom(before: Snapshot<WireObject>, { snapshot, kill }: Published): DeliveredChange {
  const objects: DeliveredObject[] = [];
  let isKill = kill;
  for (const [name, definition] of snapshot.objects) {
    const known = before.objects.get(name);
    if (known?.version === definition.version) continue;
    objects.push({ kind: definition.kind, key: definition.key, definition });
    isKill ||= isKilled(definition) && !isKilled(known);
  }
  for (const [name, { kind, key }] of before.objects) {
    if (!snapshot.objects.has(name)) objects.push({ kind, key, definition: null });
  }
  const { revision, committedAt } = snapshot;
  return { revision, from: before.revision, at: committedAt, kill: isKill, objects };
}
