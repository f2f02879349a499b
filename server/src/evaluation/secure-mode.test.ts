import { expect, test } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import type { EnvironmentStanding } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import { storedSecureMode } from './secure-mode.ts';

const place = (environment: string) => ({ project: 'shop', environment });

/** A database whose environments are in secure mode or not, and which can be away or hang. */
function setUp() {
  const time = new ManualSchedule();
  const world = { secure: new Map([['production', true]]), isDown: false, hangs: false, asked: 0 };
  const environments = async (): Promise<readonly EnvironmentStanding[]> => {
    world.asked += 1;
    if (world.hangs) await new Promise(() => {});
    if (world.isDown) throw new StorageFault('unavailable', 'down');
    return [...world.secure].map(([name, secureMode]) => ({
      ...place(name),
      epoch: 'first',
      revision: 1,
      secureMode,
    }));
  };
  return { time, world, mode: storedSecureMode({ storage: { environments }, clock: time, schedule: time }) };
}

test('[M32] what was read for all environments is known of each that nobody asked for before', async () => {
  const { world, mode } = setUp();
  world.secure.set('staging', false);
  await mode.refresh();
  world.isDown = true;
  expect(await mode.isOn(place('production'))).toBe(true);
  expect(await mode.isOn(place('staging'))).toBe(false);
});

test('[M7] where nobody could ever say, that is told, also of an environment that was made since', async () => {
  const { time, world, mode } = setUp();
  world.isDown = true;
  await expect(mode.refresh()).rejects.toThrow('down');
  await expect(mode.isOn(place('production'))).rejects.toThrow('down');
  world.isDown = false;
  expect(await mode.isOn(place('production'))).toBe(true);
  world.isDown = true;
  time.pass(1_000);
  await expect(mode.isOn(place('later'))).rejects.toThrow('down');
});

test('[M7] a change counts within a second, and one question answers for all', async () => {
  const { time, world, mode } = setUp();
  for (let count = 0; count < 10; count += 1) expect(await mode.isOn(place('production'))).toBe(true);
  expect(world.asked).toBe(1);
  world.secure.set('production', false);
  time.pass(1_000);
  expect(await mode.isOn(place('production'))).toBe(false);
});

test('[A108] a mode that is set here counts at once', async () => {
  const { world, mode } = setUp();
  await mode.refresh();
  world.secure.set('production', false);
  mode.invalidate();
  expect(await mode.isOn(place('production'))).toBe(false);
});

test('[M7] a database that hangs is waited for once in a second, for a quarter of one', async () => {
  const { time, world, mode } = setUp();
  await mode.refresh();
  world.hangs = true;
  time.pass(1_000);
  const first = mode.isOn(place('production'));
  time.pass(250);
  expect(await first).toBe(true);
  expect(await mode.isOn(place('production'))).toBe(true);
  expect(world.asked).toBe(2);
});
