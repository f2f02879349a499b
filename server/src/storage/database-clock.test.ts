import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { DatabaseClock } from './database-clock.ts';
import { StorageFault } from './storage.ts';

/** A machine that is off by an hour, its monotonic clock, and a database. */
function setUp() {
  const world = { wall: 1_000_000 + 3_600_000, monotonic: 77, database: 1_000_000, answerMs: 20 };
  const clock = new DatabaseClock({ now: () => world.monotonic }, { now: () => world.wall });
  const pass = (ms: number): void => {
    world.wall += ms;
    world.monotonic += ms;
    world.database += ms;
  };
  const storage = {
    now: async () => {
      pass(world.answerMs / 2);
      const told = world.database;
      pass(world.answerMs / 2);
      return told;
    },
  };
  return { world, clock, storage, pass };
}

test('[M13] a server goes by the clock of the database, whatever its own says or does', async () => {
  const { world, clock, storage, pass } = setUp();
  expect(clock.now()).toBe(world.wall);
  await clock.setBy(storage);
  expect(clock.now()).toBe(world.database);
  pass(60_000);
  world.wall -= 7_200_000;
  expect(clock.now()).toBe(world.database);
});

test('[M13] an answer that was long on its way does not set it, and neither does none', async () => {
  const { world, clock, storage } = setUp();
  await clock.setBy(storage);
  world.answerMs = 10_000;
  world.database += 3_000;
  await clock.setBy(storage);
  expect(clock.now()).toBe(world.database - 3_000);
  const time = new ManualSchedule();
  const down = { now: () => Promise.reject(new StorageFault('unavailable', 'down')) };
  clock.follow(down, time);
  time.pass(20_000);
  await settle();
  expect(clock.now()).toBe(world.database - 3_000);
});

test('[M13] it follows a database whose clock is set', async () => {
  const { world, clock, storage } = setUp();
  await clock.setBy(storage);
  world.database += 90_000;
  const time = new ManualSchedule();
  clock.follow(storage, time);
  time.pass(5_000);
  await settle();
  expect(clock.now()).toBe(world.database);
});

test('[M13] it tells whole milliseconds, as rows hold them', async () => {
  const { world, clock, storage, pass } = setUp();
  world.database += 0.7;
  await clock.setBy(storage);
  for (const ms of [0.3, 12.45, 0.0625]) {
    pass(ms);
    expect(clock.now()).toBe(Math.floor(world.database));
  }
});
