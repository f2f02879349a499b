import type { Snapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import { expect, test, vi } from 'vitest';
import { ChangeFeed } from '../delivery/change-feed.ts';
import type { EnvironmentCopy } from '../delivery/environment-copy.ts';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { Gate } from '../platform/gate.ts';
import { NO_TRACING } from '../platform/tracing.ts';
import type { EnvironmentHistory } from './environment-history.ts';
import { withPublished } from './environment-history.ts';
import { RelaySource } from './relay-source.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

const HERE = { project: 'shop', environment: 'production' };

function snapshotAt(revision: number, objects: readonly WireObject[], epoch = 'e'): Snapshot<WireObject> {
  const byName = new Map(objects.map((object) => [`${object.kind}/${object.key}`, object]));
  const committedAt = '2026-11-21T09:00:00.000Z';
  return { epoch, revision, committedAt, digest: digestOfAll(byName.values()), objects: byName };
}

/** A followed environment, read by the feed of delivery. */
function world() {
  const followed = {
    environment: HERE as typeof HERE | undefined,
    history: undefined as EnvironmentHistory | undefined,
    confirmedAt: undefined as number | undefined,
  };
  const source = new RelaySource(() => [followed]);
  const time = new ManualSchedule();
  const copies: EnvironmentCopy[] = [];
  const feed = new ChangeFeed({
    storage: source,
    loads: new Gate(1, { clock: time, schedule: time }),
    environment: HERE,
    clock: time,
    schedule: time,
    tracing: NO_TRACING,
    onCopy: (copy) => void copies.push(copy),
    onAnswer: () => {},
    onFault: () => {},
  });
  source.onCommit((_environment, revision) => feed.wake(revision));
  const publish = (snapshot: Snapshot<WireObject>, kill = false): void => {
    followed.history = withPublished(followed.history, { snapshot, kill });
    source.announce(followed);
  };
  const reached = (check: (copy: EnvironmentCopy | undefined) => void): Promise<void> =>
    vi.waitFor(() => check(copies.at(-1)), PATIENTLY);
  return { followed, source, feed, copies, publish, reached };
}

test('[RL5] a jump is one copy, with the kill that lies in it', async () => {
  const { copies, publish, reached } = world();
  publish(snapshotAt(3, [flagObject('a', 3)]));
  await reached((copy) => expect(copy?.revision).toBe(3));
  publish(snapshotAt(9, [flagObject('a', 7, { killed: true })]));
  await reached((copy) => expect(copy?.revision).toBe(9));
  expect(copies.map(({ revision, lastKill }) => [revision, lastKill])).toEqual([
    [3, 0],
    [9, 9],
  ]);
});

test('[RL6] another epoch is read anew, whatever its revision', async () => {
  for (const revision of [2, 5, 8]) {
    const { publish, reached } = world();
    publish(snapshotAt(5, [flagObject('a', 5)]));
    await reached((copy) => expect(copy?.revision).toBe(5));
    publish(snapshotAt(revision, [], 'f'));
    await reached((copy) => expect(copy).toMatchObject({ epoch: 'f', revision, digest: 0 }));
    publish(snapshotAt(revision + 1, [], 'f'));
    await reached((copy) => expect(copy).toMatchObject({ epoch: 'f', revision: revision + 1 }));
  }
});

test('[RL6] a copy that had gone wrong is replaced at its revision', async () => {
  const { publish, reached } = world();
  publish(snapshotAt(5, [flagObject('a', 4)]));
  await reached((copy) => expect(copy?.revision).toBe(5));
  const mended = snapshotAt(5, [flagObject('a', 5)]);
  publish(mended);
  await reached((copy) => expect(copy?.digest).toBe(mended.digest));
});

test('[RL7] what is read is as old as the last word of the upstream', async () => {
  const { feed, followed, publish, reached } = world();
  followed.confirmedAt = 1_000;
  publish(snapshotAt(5, []));
  await reached((copy) => expect(copy?.revision).toBe(5));
  expect(feed.answeredAt).toBe(1_000);
  followed.confirmedAt = 4_000;
  feed.wake();
  await vi.waitFor(() => expect(feed.answeredAt).toBe(4_000), PATIENTLY);
});

test('[RL8] before the first snapshot nothing can be read', async () => {
  const { followed, source } = world();
  await expect(source.snapshot(HERE)).rejects.toMatchObject({ fault: 'unavailable' });
  await expect(source.ping()).rejects.toMatchObject({ fault: 'unavailable' });
  followed.environment = undefined;
  await expect(source.changesAfter(HERE, 0, 1)).rejects.toMatchObject({ fault: 'unavailable' });
});
