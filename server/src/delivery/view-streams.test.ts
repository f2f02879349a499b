import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { buildRuleset } from '@dimmer/evaluator';
import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import type { RulesetAt } from './environment-ruleset.ts';
import { createFanOutOrder } from './fan-out-order.ts';
import { createHeartbeatWheel } from './heartbeat-wheel.ts';
import { ManualSchedule } from './manual-schedule.fixture.ts';
import { ViewStreams } from './view-streams.ts';

const EMPTY = Buffer.alloc(0);

/** Streams with views of an environment that moves when a test says so, in turns that it takes one by one. */
function setUp(count: number) {
  const turns: (() => void)[] = [];
  const schedule = Object.assign(new ManualSchedule(), { soon: (run: () => void) => void turns.push(run) });
  const order = createFanOutOrder(schedule);
  const place = { position: 1, killPosition: 0 };
  const named = { epoch: 'e', lineage: 'e', origin: 'e' };
  const first = { ...named, revision: 1, committedAt: '2026-11-21T09:00:00Z', lastKill: 0 };
  let at: RulesetAt = { ...first, ...place, ruleset: buildRuleset([]) };
  const environment = { current: () => at, databaseAgeMs: () => 0, heartbeatMs: 15_000 };
  const views = new ViewStreams(environment, {
    order,
    counts: newDeliveryCounts(),
    wheel: createHeartbeatWheel({ clock: schedule, schedule, periodMs: 15_000 }),
    streamAgeMs: 3_600_000,
    schedule,
    random: systemRandom,
  });
  /** What was written, in order: the place of a stream and the revision that it was brought to. */
  const written: (readonly [stream: number, revision: number])[] = [];
  for (let stream = 0; stream < count; stream += 1) {
    views.open({
      response: new ServerResponse(new IncomingMessage(new Socket())),
      keyId: 'key',
      headers: {},
      view: () => ({
        mode: 'none',
        beginning: { hello: EMPTY, objects: undefined, revision: at.revision },
        source: {
          get revision() {
            return at.revision;
          },
          bytesSince: () => {
            written.push([stream, at.revision]);
            return EMPTY;
          },
          heartbeat: () => EMPTY,
        },
      }),
    });
  }
  return {
    order,
    written,
    turn: () => turns.shift()?.(),
    move: (revision: number, lastKill = 0) => {
      at = { ...at, revision, position: revision, lastKill, killPosition: lastKill };
      order.add(views);
    },
  };
}

test('[D30] 250 streams are written in one turn, in the order in which they were opened', () => {
  const { move, turn, written } = setUp(600);
  move(2);
  const counts = [0, 1, 2].map(() => {
    turn();
    return written.length;
  });
  expect(counts).toEqual([250, 500, 600]);
  expect(written.map(([stream]) => stream)).toEqual([...Array(600).keys()]);
});

test('[D30] a kill for server keys waits for one turn of 5,000 streams of clients, not for all', () => {
  const { move, turn, written, order } = setUp(5_000);
  move(2);
  turn();
  let writtenBefore: number | undefined;
  order.add({
    killWaits: true,
    forClients: false,
    publish: () => {
      writtenBefore = written.length;
    },
  });
  turn();
  expect(writtenBefore).toBe(250);
  for (let left = 0; left < 19; left += 1) turn();
  expect(written).toHaveLength(5_000);
});

test('[D30] what comes during a pass is brought to all: nobody is left behind, nobody is told twice', () => {
  const { move, turn, written } = setUp(600);
  move(2);
  turn();
  move(3, 3);
  for (let left = 0; left < 20; left += 1) turn();
  const last = new Map(written);
  expect([...last.values()]).toEqual(Array(600).fill(3));
  expect(written).toHaveLength(850);
});
