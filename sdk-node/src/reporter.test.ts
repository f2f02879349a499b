import type { Report } from '@dimmer/schema';
import { expect, test } from 'vitest';
import type { Counted } from './report-batches.ts';
import { DEFAULT_REPORT_TIMING } from './report-timing.ts';
import type { Sending } from './report-transport.ts';
import { Reporter } from './reporter.ts';
import { TrackedEvents } from './tracked-events.ts';
import { VirtualClock } from './virtual-clock.fixture.ts';

const NOTHING: Counted = { exposures: [], events: [], dropped: { exposures: 0, events: 0 } };
const TAKEN: Sending = { outcome: 'taken', clockOffsetMs: null };
const FAILED: Sending = { outcome: 'failed', retryAfterMs: 0 };
const STEP = { epoch: 'e1', from: 1, revision: 2 };

/** A reporter in a world where time passes when the test says so. */
class World {
  readonly sent: { readonly at: number; readonly report: Report }[] = [];
  readonly clock = new VirtualClock();
  readonly reporter: Reporter;
  answer: Sending = TAKEN;
  state = 'LIVE';
  counted: () => Counted = () => NOTHING;
  #ids = 0;

  constructor(random = 0.5) {
    this.reporter = new Reporter({
      clock: this.clock,
      random: () => random,
      newId: () => `batch-${++this.#ids}`,
      timing: DEFAULT_REPORT_TIMING,
      send: async (report) => {
        this.sent.push({ at: this.clock.now(), report });
        return this.answer;
      },
      instance: { id: 'i1', sdk: { name: 'sdk', version: '1' } },
      status: () => ({ state: this.state, mode: 'stream', epoch: 'e1', revision: 1, ageMs: 0 }),
      drain: () => this.counted(),
    });
  }

  pass(durationMs: number): Promise<void> {
    return this.clock.pass(durationMs);
  }
}

test('[N80] going live is reported within a second, silence lasts 30 seconds at most', async () => {
  const world = new World();
  world.reporter.live();
  await world.pass(1_000);
  expect(world.sent).toHaveLength(1);
  await world.pass(28_000);
  expect(world.sent).toHaveLength(1);
  await world.pass(20_000);
  expect(world.sent).toHaveLength(2);
});

test('[N80] what was counted goes with the next look, and so does another state', async () => {
  const world = new World();
  world.counted = once({ ...NOTHING, exposures: [exposure('a')] });
  await world.pass(10_000);
  expect(world.sent.map(({ report }) => report.batch?.exposures)).toEqual([[exposure('a')]]);
  world.state = 'INTERRUPTED';
  await world.pass(10_000);
  expect(world.sent.at(-1)?.report.status.state).toBe('INTERRUPTED');
});

test('[N81] a kill is reported within half a second, any other change with the next look', async () => {
  const world = new World();
  world.reporter.live();
  await world.pass(1_000);
  world.reporter.applied(STEP, false);
  await world.pass(1_000);
  expect(world.sent).toHaveLength(1);
  world.reporter.applied({ ...STEP, from: 2, revision: 3 }, true);
  await world.pass(500);
  expect(world.sent.at(-1)?.report.applied).toMatchObject([{ revision: 2 }, { revision: 3 }]);
});

test('[N86] a step is told with its age, until it was heard', async () => {
  const world = new World();
  world.answer = FAILED;
  world.reporter.applied(STEP, true);
  await world.pass(250);
  world.answer = TAKEN;
  await world.pass(20_000);
  const [first, second, ...others] = world.sent;
  expect(first?.report.applied).toEqual([{ ...STEP, agoMs: 250 }]);
  expect(second?.report.applied).toEqual([{ ...STEP, agoMs: second?.at }]);
  expect(others.flatMap(({ report }) => report.applied)).toEqual([]);
});

test('[N87] an update that was refused is told once, until it was heard, with its age', async () => {
  const world = new World();
  const problem = { code: 'MALFORMED', epoch: 'e1', from: 1, revision: 2, message: 'x'.repeat(999) };
  world.answer = FAILED;
  for (let time = 0; time < 5; time += 1) world.reporter.refused(problem);
  await world.pass(12_000);
  world.answer = TAKEN;
  await world.pass(60_000);
  world.reporter.refused(problem);
  await world.pass(60_000);
  const told = world.sent.flatMap(({ at, report }) => (report.problems ?? []).map((one) => ({ at, ...one })));
  expect(told.map(({ at, agoMs }) => agoMs === at)).toEqual([true, true]);
  expect(told[0]).toMatchObject({ ...problem, message: 'x'.repeat(200) });
  world.reporter.refused({ ...problem, revision: 3 });
  await world.pass(12_000);
  expect(world.sent.at(-1)?.report.problems).toMatchObject([{ revision: 3 }]);
});

test('[N87] of very many the newest are told', async () => {
  const world = new World();
  for (let revision = 1; revision <= 99; revision += 1) {
    world.reporter.refused({ code: 'MALFORMED', epoch: 'e1', from: 0, revision, message: '' });
  }
  await world.pass(12_000);
  const revisions = world.sent[0]?.report.problems?.map(({ revision }) => revision);
  expect(revisions).toEqual([92, 93, 94, 95, 96, 97, 98, 99]);
});

test('[N82] a batch that was not heard is sent again under its id, and nothing joins it', async () => {
  const world = new World();
  let drained = 0;
  world.counted = () => {
    drained += 1;
    return { ...NOTHING, exposures: [exposure(`flag-${drained}`)] };
  };
  world.answer = FAILED;
  await world.pass(60_000);
  expect(new Set(world.sent.map(({ report }) => report.batch?.id))).toEqual(new Set(['batch-1']));
  expect(drained).toBe(1);
  expect(world.sent.at(-1)?.report.batch?.exposures).toEqual([exposure('flag-1')]);
});

test('[N83] the Retry-After of a light report is obeyed, also by a kill', async () => {
  const world = new World();
  world.answer = { outcome: 'failed', retryAfterMs: 15_000 };
  world.reporter.live();
  await world.pass(1_000);
  world.reporter.applied(STEP, true);
  await world.pass(14_000);
  expect(world.sent).toHaveLength(1);
  await world.pass(1_000);
  expect(world.sent).toHaveLength(2);
});

test('[N81, N83] a kill does not wait for what a heavy report was told, and leaves the counters here', async () => {
  const world = new World();
  world.counted = once({ ...NOTHING, exposures: [exposure('a')] });
  world.answer = { outcome: 'failed', retryAfterMs: 60_000 };
  await world.pass(10_000);
  world.answer = TAKEN;
  world.reporter.applied(STEP, true);
  await world.pass(500);
  expect(world.sent.map(({ report }) => [report.batch?.id, report.applied.length])).toEqual([
    ['batch-1', 0],
    [undefined, 1],
  ]);
  await world.pass(59_000);
  expect(world.sent).toHaveLength(2);
  await world.pass(60_000);
  expect(world.sent.slice(2).flatMap(({ report }) => report.batch?.id ?? [])).toEqual(['batch-1']);
});

test('[N83] a batch that the server cannot read is given up, and what it held is counted as dropped', async () => {
  const world = new World();
  const events = [{ name: 'viewed', at: '', details: {} }];
  const dropped = { exposures: 7, events: 2 };
  world.counted = once({ exposures: [{ ...exposure('a'), count: 5 }], events, dropped });
  world.answer = { outcome: 'unreadable' };
  await world.pass(10_000);
  world.answer = TAKEN;
  await world.pass(60_000);
  const [first, second, ...others] = world.sent.flatMap(({ report }) => report.batch ?? []);
  expect(first?.exposures).toHaveLength(1);
  expect(second).toMatchObject({ exposures: [], events: [], dropped: { exposures: 12, events: 3 } });
  expect(others).toEqual([]);
});

test('[N82, N83] an hour of refusals at 1,000 events a second: bounded, counted, and rarer than usual', async () => {
  const world = new World(0.99);
  const tracked = new TrackedEvents(10_000);
  let given = 0;
  world.answer = FAILED;
  world.counted = () => {
    const { events, dropped } = tracked.drain();
    return { ...NOTHING, events, dropped: { exposures: 0, events: dropped } };
  };
  for (let second = 0; second < 3_600; second += 1) {
    for (let index = 0; index < 1_000; index += 1, given += 1) {
      tracked.add('viewed', {}, {}, new Date(0));
    }
    await world.pass(1_000);
  }
  expect(world.sent.length).toBeLessThan(60);
  expect(tracked.totals().buffered).toBe(10_000);
  world.answer = TAKEN;
  world.sent.length = 0;
  await world.pass(700_000);
  const heard = world.sent.flatMap(({ report }) => report.batch ?? []);
  const sum = heard.reduce((total, { events, dropped }) => total + events.length + dropped.events, 0);
  expect(sum).toBe(given);
});

test('[N85] close says farewell with what is left, within a second', async () => {
  const world = new World();
  world.counted = once({ ...NOTHING, exposures: [exposure('a')] });
  world.state = 'CLOSED';
  await world.reporter.close(true);
  expect(world.sent.map(({ report }) => [report.status.state, report.batch?.exposures.length])).toEqual([
    ['CLOSED', 1],
  ]);
  await world.pass(100_000);
  expect(world.sent).toHaveLength(1);
});

test('[N85] nobody waits for a server that was not there', async () => {
  const world = new World();
  await world.reporter.close(false);
  expect(world.sent).toEqual([]);
});

function exposure(flag: string): Counted['exposures'][number] {
  return { flag, variation: 'on', reason: 'SPLIT', revision: 1, fallback: false, count: 1 };
}

function once(counted: Counted): () => Counted {
  let left: Counted | undefined = counted;
  return () => {
    const now = left ?? NOTHING;
    left = undefined;
    return now;
  };
}
