import { expect, test } from 'vitest';
import { ProcessLeases } from '../storage/process-leases.ts';
import { LEASE_MS, LeaseKeeper } from './lease-keeper.ts';

function setUp() {
  const world = { now: 1_000_000 };
  const leases = new ProcessLeases({ now: () => world.now });
  const done: string[] = [];
  const changes: string[] = [];
  const keeperOf = (holder: string) => {
    const onChange = (isHeld: boolean): void => void changes.push(`${holder} ${isHeld}`);
    const keeper = new LeaseKeeper({ leases, name: 'upkeep', holder, onChange });
    return { keeper, work: () => keeper.whileHeld(async () => void done.push(holder)) };
  };
  return { world, done, changes, a: keeperOf('a'), b: keeperOf('b') };
}

test('[M12] of several servers one works, as long as it comes in time', async () => {
  const { world, done, a, b } = setUp();
  for (let round = 0; round < 10; round += 1) {
    await a.work();
    await b.work();
    world.now += LEASE_MS - 1;
  }
  expect(new Set(done)).toEqual(new Set(['a']));
});

test('[M12] another goes on where it dies, and at once where it leaves', async () => {
  const { world, done, changes, a, b } = setUp();
  await a.work();
  world.now += LEASE_MS;
  await b.work();
  await a.work();
  expect(done).toEqual(['a', 'b']);
  await b.keeper.release();
  await a.work();
  expect(done).toEqual(['a', 'b', 'a']);
  expect(changes).toEqual(['a true', 'b true', 'a false', 'a true']);
});
