import { expect, test } from 'vitest';
import { createFanOutOrder } from './fan-out-order.ts';
import { ManualSchedule } from './manual-schedule.fixture.ts';

function setUp() {
  const turns: (() => void)[] = [];
  const schedule = Object.assign(new ManualSchedule(), { soon: (run: () => void) => void turns.push(run) });
  const order = createFanOutOrder(schedule);
  const written: string[] = [];
  const waits = (name: string, { killWaits = false, forClients = false } = {}) => ({
    killWaits,
    forClients,
    publish: () => void written.push(name),
  });
  return { order, written, waits, turn: () => turns.shift()?.() };
}

test('[D18] environments are written one per turn, in the order in which they changed', () => {
  const { order, written, waits, turn } = setUp();
  const first = waits('first');
  for (const publishing of [first, waits('second'), first]) order.add(publishing);
  turn();
  expect(written).toEqual(['first']);
  turn();
  turn();
  expect(written).toEqual(['first', 'second']);
});

test('[D18] a kill overtakes the environments that wait, also when it comes between two turns', () => {
  const { order, written, waits, turn } = setUp();
  for (const name of ['first', 'second', 'third']) order.add(waits(name));
  turn();
  order.add(waits('killed', { killWaits: true }));
  for (let left = 0; left < 3; left += 1) turn();
  expect(written).toEqual(['first', 'killed', 'second', 'third']);
});

test('[D30] streams of client keys come after those of server keys, and kills come before both', () => {
  const { order, written, waits, turn } = setUp();
  order.add(waits('browsers', { forClients: true }));
  order.add(waits('servers'));
  order.add(waits('killed browsers', { killWaits: true, forClients: true }));
  order.add(waits('killed servers', { killWaits: true }));
  for (let left = 0; left < 4; left += 1) turn();
  expect(written).toEqual(['killed servers', 'killed browsers', 'servers', 'browsers']);
});
