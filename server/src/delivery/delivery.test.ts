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
  expect(log.reads).toEqual({ snapshot: 1, changesAfter: 1 });
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

test('[D13] a closed delivery is not ready and leaves no timer behind', async () => {
  const { time, delivery } = setUp();
  await delivery.snapshot(ENVIRONMENT);
  expect(delivery.ready()).toBe(true);
  await delivery.close();
  await delivery.close();
  expect(delivery.ready()).toBe(false);
  expect(time.pending).toBe(0);
});
