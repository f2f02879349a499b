import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { ChangeLog, ENVIRONMENT, put } from './change-log.fixture.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import { copyOf, fold } from './environment-copy.ts';
import { EnvironmentStreams } from './environment-streams.ts';
import { FrameCache } from './frame-cache.ts';
import { createHeartbeatWheel } from './heartbeat-wheel.ts';
import { ManualSchedule } from './manual-schedule.fixture.ts';
import { eventsOf } from './reader.fixture.ts';
import { copyShower } from './shown-copy.ts';

async function setUp() {
  const log = new ChangeLog();
  const snapshot = await log.snapshot(ENVIRONMENT);
  if (snapshot === undefined) throw new Error('no such environment');
  const schedule = new ManualSchedule();
  const counts = newDeliveryCounts();
  const show = copyShower();
  const first = copyOf(snapshot);
  const streams = new EnvironmentStreams(show(first, undefined), {
    frames: new FrameCache(counts.encodings),
    wheel: createHeartbeatWheel({ schedule, clock: schedule, periodMs: 15_000 }),
    counts,
    heartbeatMs: 15_000,
    streamAgeMs: 3_600_000,
    schedule,
    random: systemRandom,
    databaseAgeMs: () => 0,
  });
  return { log, first, show, streams };
}

test('[D11] a heartbeat names the revision of its moment, also when that came within the same millisecond', async () => {
  const { log, first, show, streams } = await setUp();
  const now = 1_700_000_000_000;
  const before = streams.heartbeat(now);
  expect(streams.heartbeat(now)).toBe(before);
  streams.publish(show(fold(first, [log.commit(put('a'))]), undefined));
  expect(eventsOf(streams.heartbeat(now))[0]?.message).toMatchObject({ type: 'heartbeat', revision: 1 });
});

test('[D13] a set of streams that is empty is empty at once', async () => {
  const { streams } = await setUp();
  await expect(streams.set.whenEmpty()).resolves.toBeUndefined();
});
