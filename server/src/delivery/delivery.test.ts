import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { StorageFault } from '../storage/storage.ts';
import { ChangeLog, ENVIRONMENT, put } from './change-log.fixture.ts';
import { createDelivery, TICK_MS } from './delivery.ts';
import { DELIVERY_SETTINGS } from './delivery-server.fixture.ts';
import { ManualSchedule, settle } from './manual-schedule.fixture.ts';

function setUp(prepare: (log: ChangeLog) => void = () => {}) {
  const log = new ChangeLog();
  prepare(log);
  const time = new ManualSchedule();
  const metrics = new Registry();
  const delivery = createDelivery({
    storage: log,
    clock: time,
    schedule: time,
    log: pino({ level: 'silent' }),
    metrics,
    ...DELIVERY_SETTINGS,
  });
  return { log, time, metrics, delivery };
}

test('[D12] the ruleset is compiled from the revision that was asked for', async () => {
  const { log, delivery } = setUp();
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(0);
  log.announces = false;
  log.commit(put('a'));
  const at = await delivery.ruleset(ENVIRONMENT, 1);
  expect(at?.revision).toBe(1);
  expect([...(at?.ruleset.flags.keys() ?? [])]).toEqual(['a']);
});

test('[D12] what did not change is not compiled again', async () => {
  const { log, delivery } = setUp();
  log.commit(put('a', 'b'));
  const before = await delivery.ruleset(ENVIRONMENT, 1);
  expect((await delivery.ruleset(ENVIRONMENT, 1))?.ruleset).toBe(before?.ruleset);
  log.commit(put('b'));
  const after = await delivery.ruleset(ENVIRONMENT, 2);
  expect(after?.ruleset.flags.get('a')).toBe(before?.ruleset.flags.get('a'));
  expect(after?.ruleset.flags.get('b')).not.toBe(before?.ruleset.flags.get('b'));
});

test('[D2] every environment is looked at once per second, hint or no hint', async () => {
  const { log, time, delivery } = setUp();
  await delivery.ruleset(ENVIRONMENT, 0);
  log.announces = false;
  log.commit(put('a'));
  time.pass(TICK_MS);
  await settle();
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(1);
});

test('[D2] commits of one moment are read as changes, without reading the whole environment again', async () => {
  const { log, delivery } = setUp();
  await delivery.ruleset(ENVIRONMENT, 0);
  for (const key of ['a', 'b', 'c', 'd']) log.commit(put(key));
  await settle();
  await settle();
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(4);
  expect(log.reads).toEqual({ environments: 0, snapshot: 1, changesAfter: 1 });
});

test('[D2] an environment is loaded once, however many ask for it at the same time', async () => {
  const { log, delivery } = setUp();
  await Promise.all([
    delivery.ruleset(ENVIRONMENT, 0),
    delivery.snapshot(ENVIRONMENT),
    delivery.snapshot(ENVIRONMENT),
  ]);
  expect(log.reads.snapshot).toBe(1);
});

test('[D16] ready once the database has answered, and still when it stops', async () => {
  const { log, time, delivery } = setUp((fresh) => {
    fresh.fault = new StorageFault('unavailable', 'gone');
  });
  await settle();
  expect(delivery.ready()).toBe(false);
  expect(delivery.databaseAgeMs()).toBe(Infinity);
  log.fault = undefined;
  time.pass(TICK_MS);
  await settle();
  expect(delivery.ready()).toBe(true);
  await delivery.snapshot(ENVIRONMENT);
  log.fault = new StorageFault('unavailable', 'gone again');
  time.pass(60_000);
  await settle();
  expect(delivery.ready()).toBe(true);
  expect(delivery.databaseAgeMs()).toBe(60_000);
});

test('[D16] not ready while a feed cannot follow a database that answers', async () => {
  const { log, time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  expect(delivery.ready()).toBe(true);
  log.fault = new TypeError('a row that nobody understands');
  time.pass(TICK_MS);
  await settle();
  expect(delivery.ready()).toBe(false);
  log.fault = undefined;
  time.pass(TICK_MS);
  await settle();
  expect(delivery.ready()).toBe(true);
});

test('[M2] a server that was paused evaluates nothing before it has looked (REP-4)', async () => {
  const { log, time, delivery } = setUp();
  await delivery.ruleset(ENVIRONMENT, 0);
  log.announces = false;
  log.commit(put('a'));
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(0);
  time.pause(60_000);
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(1);
  log.commit(put('b'));
  time.pause(60_000);
  // Its timers may well run before the first request does.
  time.pass(0);
  expect((await delivery.snapshot(ENVIRONMENT))?.cursor).toBe('first:2');
});

test('[M2] a server that was paused goes on with what it has where the database does not answer', async () => {
  const { log, time, delivery } = setUp();
  await delivery.ruleset(ENVIRONMENT, 0);
  log.fault = new StorageFault('unavailable', 'gone');
  time.pause(60_000);
  const alone = delivery.ruleset(ENVIRONMENT, 0);
  await passSeconds(time, 3);
  expect((await alone)?.revision).toBe(0);
  expect((await delivery.ruleset(ENVIRONMENT, 0))?.revision).toBe(0);
  log.fault = undefined;
  log.held = new Promise(() => {});
  time.pause(60_000);
  const late = delivery.ruleset(ENVIRONMENT, 0);
  await passSeconds(time, 3);
  expect((await late)?.revision).toBe(0);
});

test('[M2] a look that fails right after the pause, because connections were lost, is tried again', async () => {
  const { log, time, delivery } = setUp();
  await delivery.ruleset(ENVIRONMENT, 0);
  log.commit(put('a'));
  log.fault = new StorageFault('unavailable', 'the connection is gone');
  time.pause(60_000);
  const asked = delivery.ruleset(ENVIRONMENT, 0);
  await settle();
  log.fault = undefined;
  await passSeconds(time, 1);
  expect((await asked)?.revision).toBe(1);
});

test('[M4] not ready where the database answers and its changes are not read, and ready once they are (REP-5)', async () => {
  const { log, time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  let release = (): void => {};
  log.held = new Promise((resolve) => {
    release = resolve;
  });
  await passSeconds(time, 6);
  expect(delivery.ready()).toBe(true);
  await passSeconds(time, 4);
  expect(delivery.ready()).toBe(false);
  log.held = undefined;
  release();
  await passSeconds(time, 2);
  expect(delivery.ready()).toBe(true);
});

test('[M4] a database that answers nobody makes nobody unready (REP-5)', async () => {
  const { log, time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  log.fault = new StorageFault('unavailable', 'gone');
  await passSeconds(time, 600);
  expect(delivery.ready()).toBe(true);
  log.fault = undefined;
  log.pingFault = new StorageFault('unavailable', 'gone');
  log.held = new Promise(() => {});
  await passSeconds(time, 60);
  expect(delivery.ready()).toBe(true);
});

test('[M4] a database that comes back after an outage, or a process after a pause, has time to be followed', async () => {
  const { log, time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  const away = new StorageFault('unavailable', 'gone');
  log.fault = away;
  await passSeconds(time, 60);
  log.fault = undefined;
  // The first look is slow: everything has to be read again.
  let release = (): void => {};
  log.held = new Promise((resolve) => {
    release = resolve;
  });
  for (let second = 0; second < 3; second += 1) {
    await passSeconds(time, 1);
    expect(delivery.ready()).toBe(true);
  }
  log.held = undefined;
  release();
  await passSeconds(time, 1);
  expect(delivery.ready()).toBe(true);
  time.pause(60_000);
  for (let second = 0; second < 5; second += 1) {
    await passSeconds(time, 1);
    expect(delivery.ready()).toBe(true);
  }
});

/** Time as a running process sees it: what a second has begun ends before the next. */
async function passSeconds(time: ManualSchedule, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    time.pass(TICK_MS);
    await settle();
  }
}

test('[D13] a closed delivery is not ready and leaves no timer behind', async () => {
  const { time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  expect(delivery.ready()).toBe(true);
  await delivery.close();
  await delivery.close();
  expect(delivery.ready()).toBe(false);
  expect(time.pending).toBe(0);
});
