import type { Snapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyOf, fold } from '../delivery/environment-copy.ts';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import type { EnvironmentHistory } from './environment-history.ts';
import { CHANGES_KEPT_MAX, stepsAfter, withPublished } from './environment-history.ts';

const AT = '2026-11-21T09:00:00.000Z';

/** What an environment holds at a revision: flags by key, with the revision at which they last changed. */
function snapshotAt(revision: number, objects: readonly WireObject[], epoch = 'e'): Snapshot<WireObject> {
  const byName = new Map(objects.map((object) => [`${object.kind}/${object.key}`, object]));
  return { epoch, revision, committedAt: AT, digest: digestOfAll(byName.values()), objects: byName };
}

function historyOf(...snapshots: readonly Snapshot<WireObject>[]): EnvironmentHistory {
  let history: EnvironmentHistory | undefined;
  for (const snapshot of snapshots) history = withPublished(history, { snapshot, kill: false });
  if (history === undefined) throw new Error('no snapshot');
  return history;
}

/** Flags that come, change and go, seen by a relay that misses some of the revisions. */
const seenSnapshots = fc
  .array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), gone: fc.boolean(), seen: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((changes) => {
    const objects = new Map<string, WireObject>();
    const seen = [snapshotAt(0, [])];
    for (const [index, { key, gone, seen: isSeen }] of changes.entries()) {
      if (gone) objects.delete(key);
      else objects.set(key, flagObject(key, index + 1));
      if (isSeen) seen.push(snapshotAt(index + 1, [...objects.values()]));
    }
    return seen;
  });

test('[RL5] from every revision that was seen, the steps lead to the same objects and digest', () => {
  fc.assert(
    fc.property(seenSnapshots, (snapshots) => {
      const history = historyOf(...snapshots);
      const last = snapshots.at(-1);
      for (const from of snapshots) {
        const stored = {
          epoch: from.epoch,
          revision: from.revision,
          committedAt: from.committedAt,
          historyFloor: from.revision,
          objects: [...from.objects.values()],
          tombstones: [],
        };
        const copy = fold(copyOf(stored), stepsAfter(history, from.revision) ?? []);
        expect([copy.revision, copy.digest]).toEqual([last?.revision, last?.digest]);
        expect([...copy.objects.values()].sort(byKey)).toEqual(
          [...(last?.objects.values() ?? [])].sort(byKey),
        );
      }
    }),
  );
});

function byKey(one: WireObject, other: WireObject): number {
  return one.key < other.key ? -1 : 1;
}

test('[RL5] several revisions at once are one step', () => {
  const history = historyOf(
    snapshotAt(3, [flagObject('a', 1), flagObject('b', 2)]),
    snapshotAt(9, [flagObject('a', 7)]),
  );
  expect(stepsAfter(history, 3)).toEqual([
    {
      revision: 9,
      from: 3,
      at: AT,
      kill: false,
      objects: [
        { kind: 'flag', key: 'a', definition: flagObject('a', 7) },
        { kind: 'flag', key: 'b', definition: null },
      ],
    },
  ]);
});

test('[RL5] a kill that was missed is on the step over it', () => {
  const before = snapshotAt(1, [flagObject('a', 1), flagObject('b', 1, { killed: true })]);
  const killed = snapshotAt(5, [flagObject('a', 4, { killed: true }), flagObject('b', 1, { killed: true })]);
  expect(stepsAfter(historyOf(before, killed), 1)?.[0]?.kill).toBe(true);
  const edited = snapshotAt(5, [flagObject('a', 4), flagObject('b', 5, { killed: true })]);
  expect(stepsAfter(historyOf(before, edited), 1)?.[0]?.kill).toBe(false);
});

test('[RL5] what the upstream calls a kill is one', () => {
  const before = historyOf(snapshotAt(1, [flagObject('a', 1)]));
  const after = withPublished(before, { snapshot: snapshotAt(2, [flagObject('a', 2)]), kill: true });
  expect(stepsAfter(after, 1)?.[0]?.kill).toBe(true);
});

test('[RL6] another epoch, or another content of a revision, is another line without steps', () => {
  const first = historyOf(snapshotAt(5, [flagObject('a', 5)]));
  const [restored, mended] = [snapshotAt(3, [], 'f'), snapshotAt(5, [])].map((snapshot) =>
    withPublished(first, { snapshot, kill: false }),
  );
  expect([first.line, restored?.line, mended?.line]).toEqual([1, 2, 2]);
  expect([restored?.changes, mended?.changes]).toEqual([[], []]);
});

test('[BG24] streams go on over an epoch that the stream of the upstream has gone on into, and over no other', () => {
  const first = historyOf(snapshotAt(5, [flagObject('a', 5)]));
  const crossed = withPublished(first, { snapshot: snapshotAt(5, [], 'kf'), kill: true, goesOn: true });
  const onward = withPublished(crossed, { snapshot: snapshotAt(6, [], 'kf'), kill: false, goesOn: true });
  const back = withPublished(onward, { snapshot: snapshotAt(7, [], 'f'), kill: false, goesOn: true });
  const restored = withPublished(back, { snapshot: snapshotAt(9, [], 'g'), kill: false });
  const histories = [first, crossed, onward, back, restored];
  expect(histories.map(({ line }) => line)).toEqual([1, 2, 2, 3, 4]);
  expect(histories.map(({ lineage }) => lineage)).toEqual([1, 1, 1, 1, 4]);
});

test('[RL5] of many steps the last ones are kept; a reader from before them has to read anew', () => {
  const snapshots = Array.from({ length: CHANGES_KEPT_MAX + 2 }, (_, revision) => snapshotAt(revision, []));
  const history = historyOf(...snapshots);
  expect(stepsAfter(history, 0)).toBeUndefined();
  expect(stepsAfter(history, 1)).toHaveLength(CHANGES_KEPT_MAX);
  expect(stepsAfter(history, CHANGES_KEPT_MAX + 1)).toEqual([]);
});
