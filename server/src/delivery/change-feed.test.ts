import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Gate } from '../platform/gate.ts';
import { NO_TRACING } from '../platform/tracing.ts';
import { StorageFault } from '../storage/storage.ts';
import { CHANGES_PER_READ, ChangeFeed, REVISION_WAIT_MS } from './change-feed.ts';
import { ChangeLog, ENVIRONMENT, history, historyCommit, put, remove } from './change-log.fixture.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { ManualSchedule, settle } from './manual-schedule.fixture.ts';
import { Whereabouts } from './whereabouts.ts';

function setUp(environment = ENVIRONMENT) {
  const log = new ChangeLog();
  const schedule = new ManualSchedule();
  const copies: EnvironmentCopy[] = [];
  const faults: unknown[] = [];
  const whereabouts = new Whereabouts(() => log.environments());
  const feed = new ChangeFeed({
    tracing: NO_TRACING,
    storage: log,
    whereabouts: (environment) => whereabouts.of(environment),
    loads: new Gate(1, { clock: schedule, schedule }),
    environment,
    clock: schedule,
    schedule,
    onCopy: (copy) => copies.push(copy),
    onAnswer: () => {},
    onFault: (cause) => faults.push(cause),
  });
  log.onCommit((_, revision) => feed.wake(revision));
  return { log, schedule, feed, copies, faults };
}

test('[D2] a commit reaches the copy through its hint', async () => {
  const { log, feed } = setUp();
  await feed.atLeast(0);
  log.commit(put('a'));
  await settle();
  expect(feed.copy).toMatchObject({ revision: 1, objects: new Map([['flag/a', expect.anything()]]) });
});

test('[D2] a commit whose hint was lost is found at the next look', async () => {
  const { log, feed } = setUp();
  await feed.atLeast(0);
  log.announces = false;
  log.commit(put('a'));
  await settle();
  expect(feed.copy?.revision).toBe(0);
  feed.wake();
  await settle();
  expect(feed.copy?.revision).toBe(1);
});

test('[D2] hints that come while the feed is reading lead to one more read at most', async () => {
  const { log, feed } = setUp();
  await feed.atLeast(0);
  const before = log.reads.changesAfter;
  for (let index = 0; index < 100; index += 1) log.commit(put('a'));
  await settle();
  expect(feed.copy?.revision).toBe(100);
  expect(log.reads.changesAfter - before).toBeLessThanOrEqual(2);
});

test('[D2] a feed that is far behind reads until it is not', async () => {
  const { log, feed } = setUp();
  await feed.atLeast(0);
  log.announces = false;
  for (let index = 0; index < CHANGES_PER_READ * 2 + 1; index += 1) log.commit(put('a'));
  feed.wake();
  await settle();
  expect(feed.copy?.revision).toBe(CHANGES_PER_READ * 2 + 1);
});

test('[D2] commits between a question and its answer are neither lost nor doubled (ORD-2, ORD-5)', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.array(historyCommit, { maxLength: 8 }), async (past, meanwhile) => {
      const { log, feed, copies } = setUp();
      for (const commit of past) log.commit(commit);
      const pending = [...meanwhile];
      log.beforeAnswer = () => {
        const commit = pending.shift();
        if (commit !== undefined) log.commit(commit);
      };
      await feed.atLeast(0);
      await settle();
      expect(feed.copy?.revision).toBe(log.revision);
      expect(new Map(feed.copy?.objects)).toEqual(
        new Map(log.objects.map((object) => [`${object.kind}/${object.key}`, object])),
      );
      const revisions = copies.map(({ revision }) => revision);
      expect(revisions).toEqual([...new Set(revisions)].sort((left, right) => left - right));
    }),
  );
});

test('[D8] a database that fails leaves the copy as it is, and is asked again at the next look', async () => {
  const { log, feed, faults } = setUp();
  log.commit(put('a'));
  await feed.atLeast(0);
  log.fault = new StorageFault('unavailable', 'gone');
  log.commit(put('b'));
  await settle();
  expect(feed.copy?.revision).toBe(1);
  expect(faults).toEqual([log.fault]);
  log.fault = undefined;
  feed.wake();
  await settle();
  expect(feed.copy?.revision).toBe(2);
});

test('[D1] a kill right after a failure is still told as one, and what stayed keeps its bytes', async () => {
  const { log, feed } = setUp();
  log.commit(put('a', 'b'));
  await feed.atLeast(0);
  const kept = feed.copy?.objects.get('flag/b');
  log.fault = new StorageFault('unavailable', 'gone');
  feed.wake();
  await settle();
  log.fault = undefined;
  log.commit({ ...put('a'), kill: true });
  await settle();
  expect(feed.copy).toMatchObject({ revision: 2, lastKill: 2 });
  expect(feed.copy?.objects.get('flag/b')).toBe(kept);
});

test('[D8] the age of the database counts from its last answer', async () => {
  const { log, schedule, feed } = setUp();
  expect(feed.answeredAt).toBeUndefined();
  await feed.atLeast(0);
  const answeredAt = schedule.now();
  log.fault = new StorageFault('unavailable', 'gone');
  schedule.pass(5_000);
  feed.wake();
  await settle();
  expect(feed.answeredAt).toBe(answeredAt);
});

test('[D8] whoever waits for the first copy hears of the fault', async () => {
  const { log, feed } = setUp();
  log.fault = new StorageFault('unavailable', 'gone');
  await expect(feed.atLeast(0)).rejects.toBe(log.fault);
  log.fault = undefined;
  await expect(feed.atLeast(0)).resolves.toMatchObject({ revision: 0 });
});

test('[D9] a history that was pruned beyond the copy is read as a whole', async () => {
  const { log, feed } = setUp();
  log.commit(put('a', 'b'));
  await feed.atLeast(0);
  log.announces = false;
  log.commit(remove('a'));
  log.commit(put('c'));
  log.prune(2);
  feed.wake();
  await settle();
  expect(feed.copy).toMatchObject({ revision: 3, floor: 2 });
  expect([...(feed.copy?.objects.keys() ?? [])]).toEqual(['flag/b', 'flag/c']);
});

test('[D9] a database that comes back with another epoch replaces the copy, even at a lower revision', async () => {
  const { log, feed } = setUp();
  for (const key of ['a', 'b', 'c']) log.commit(put(key));
  await feed.atLeast(0);
  log.fault = new StorageFault('unavailable', 'restoring');
  feed.wake();
  await settle();
  log.fault = undefined;
  log.announces = false;
  log.restore('second', [put('z')]);
  feed.wake();
  await settle();
  expect(feed.copy).toMatchObject({ epoch: 'second', revision: 1 });
});

test('[D9] a hint below the copy makes the feed look at the epoch', async () => {
  const { log, feed } = setUp();
  for (const key of ['a', 'b', 'c']) log.commit(put(key));
  await feed.atLeast(3);
  log.restore('second', [put('z')]);
  await settle();
  expect(feed.copy).toMatchObject({ epoch: 'second', revision: 1 });
});

test('[D9] inside an epoch nothing goes back (ORD-6)', async () => {
  const { log, feed, copies } = setUp();
  for (const key of ['a', 'b', 'c']) log.commit(put(key));
  await feed.atLeast(3);
  log.restore('first', [put('a')]);
  await settle();
  expect(feed.copy?.revision).toBe(3);
  expect(copies.map(({ revision }) => revision)).toEqual([1, 3]);
});

test('[D12] a caller waits for the revision that it names', async () => {
  const { log, feed } = setUp();
  await feed.atLeast(0);
  log.announces = false;
  log.commit(put('a'));
  await expect(feed.atLeast(1)).resolves.toMatchObject({ revision: 1 });
});

test('[D12] a revision that does not come is refused after two seconds, not answered with an older one', async () => {
  const { feed, schedule } = setUp();
  await feed.atLeast(0);
  const answer = expect(feed.atLeast(7)).rejects.toThrow('Revision 7 of shop/production did not appear');
  await settle();
  schedule.pass(REVISION_WAIT_MS);
  await answer;
  expect(schedule.pending).toBe(0);
});

test('[D7] an environment that does not exist is told apart from an empty one', async () => {
  const { feed } = setUp({ project: 'shop', environment: 'nowhere' });
  await expect(feed.atLeast(0)).resolves.toBeUndefined();
});

test('[D13] a closed feed refuses those who wait and moves no more', async () => {
  const { log, feed, copies } = setUp();
  await feed.atLeast(0);
  const refused = expect(feed.atLeast(9)).rejects.toThrow('closing');
  feed.close();
  await refused;
  log.commit(put('a'));
  await settle();
  expect(copies).toHaveLength(1);
});
