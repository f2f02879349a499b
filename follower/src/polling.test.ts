import { digestOfAll } from '@dimmer/schema';
import { expect, test } from 'vitest';
import {
  a1,
  a2,
  b2,
  commit,
  goodbye,
  heartbeat,
  hello,
  live,
  put,
  Rig,
  snapshot,
  stored,
} from './rig.fixture.ts';
import { modeOf, PHASE } from './state.ts';

/** A follower that lost its stream at 0 and is polling: the poll is under way. */
function polling(): Rig {
  return live().end().untilPoll();
}

function modes(rig: Rig): readonly string[] {
  return [rig.status, modeOf(rig.state)];
}

test.each([
  [0, 45_000],
  [0.5, 51_000],
  [0.999_999, 57_000],
])('[F40] with chance %d the first poll comes %d ms after the stream was last heard', (random, at) => {
  const rig = live();
  rig.random = random;
  expect(rig.end().pollDelay).toBeCloseTo(at, -1);
});

test('[F40] silence counts: a dead link is polled around within a minute of the last that was heard (SDK-6)', () => {
  const rig = live();
  rig.random = 0.999_999;
  rig.pass(15_000).say(heartbeat(1, a1)).pass(45_000);
  expect(rig.kinds).toEqual(['disconnect']);
  rig.untilPoll();
  expect(rig.now - 15_000).toBeLessThanOrEqual(57_000);
  expect(rig.kinds).toContain('poll');
});

test('[F40] the stream is tried all along while polls are answered (SDK-8)', () => {
  const rig = polling();
  const attempts = rig.state.attempt;
  for (let i = 0; i < 20; i += 1) rig.answer({ outcome: 'unchanged', ageMs: 0 }).untilPoll();
  expect(rig.now).toBeGreaterThan(600_000);
  expect(rig.state.attempt - attempts).toBeGreaterThan(20);
});

test('[F40] polls come every 30 seconds, a fifth more or less', () => {
  const rig = polling();
  rig.random = 0;
  expect(rig.answer({ outcome: 'unchanged', ageMs: 0 }).pollDelay).toBe(24_000);
  rig.random = 1;
  expect(rig.untilPoll().answer({ outcome: 'unchanged', ageMs: 0 }).pollDelay).toBe(36_000);
});

test('[F40] a follower without anything to serve polls soon after its first failure', () => {
  const rig = new Rig().start().end(503, 120_000);
  expect(rig.pollDelay).toBe(2_500);
  rig.tick().bring(1, a1);
  expect(rig.kinds).toEqual(['publish']);
  expect(rig.delay).toBe(118_000);
});

test('[F40] a 503 with Retry-After is waited for, and polled around', () => {
  const rig = new Rig().start(stored(true)).end(503, 120_000);
  expect(rig.delay).toBe(120_500);
  expect(rig.untilPoll().now).toBe(51_000);
});

test.each([
  ['a commit', (rig: Rig) => rig.say(hello('delta', 2), put(a2), commit(2, a2))],
  ['a hello of mode none', (rig: Rig) => rig.say(hello('none', 1))],
])('[F41] %s ends polling and gives up the poll under way', (_name, open) => {
  const rig = live().end();
  while (rig.polling.asking === null || rig.state.phase !== PHASE.connecting) {
    rig.tick();
  }
  const late = rig.polling.number;
  open(rig);
  expect(rig.kinds).toContain('abandon');
  expect(modes(rig)).toEqual(['LIVE', 'stream']);
  const before = rig.state;
  rig.happen({
    type: 'polled',
    poll: late,
    answer: { outcome: 'snapshot', snapshot: snapshot(9, b2), ageMs: 0 },
  });
  expect(rig.state).toEqual(before);
  expect(rig.pollDelay).toBe(300_000);
});

test('[F42] a poll without an answer is given up after 10 seconds, and not heard any more (ORD-6)', () => {
  const rig = polling();
  const { number } = rig.polling;
  const { now } = rig;
  while (rig.polling.asking !== null) rig.tick();
  expect(rig.now).toBe(now + 10_000);
  expect(rig.kinds).toContain('abandon');
  rig.untilPoll();
  const before = rig.state;
  expect(before.polling?.asking).not.toBeNull();
  rig.happen({
    type: 'polled',
    poll: number,
    answer: { outcome: 'snapshot', snapshot: snapshot(2, a2), ageMs: 0 },
  });
  expect(rig.state).toEqual(before);
});

test('[F43] a poll names what is here, and what a poll has brought from then on (ORD-6)', () => {
  const rig = polling();
  expect(rig.effects).toContainEqual({ type: 'poll', poll: 1, cursor: { epoch: 'e1', revision: 1 } });
  rig.bring(2, a2).untilPoll();
  expect(rig.effects).toContainEqual({ type: 'poll', poll: 2, cursor: { epoch: 'e1', revision: 2 } });
});

test('[F43] a copy that is distrusted is not named, and 304 says nothing about it', () => {
  const rig = live().say(put(a2), commit(2, b2)).untilPoll();
  expect(rig.effects).toContainEqual({ type: 'poll', poll: 1 });
  rig.answer({ outcome: 'unchanged', ageMs: 0 });
  expect(modeOf(rig.state)).toBe('none');
  expect(rig.untilPoll().bring(1, a1).kinds).toEqual(['publish']);
  expect(rig.state.resync).toBe(false);
});

test('[F44] newer snapshots are published, and objects keep their identity', () => {
  const rig = polling();
  const before = rig.state.snapshot?.objects.get('flag/a');
  rig.bring(2, { ...a1 }, b2);
  expect(rig.effects).toMatchObject([{ type: 'publish', publication: { source: 'poll', kill: false } }]);
  expect(rig.state.snapshot?.objects.get('flag/a')).toBe(before);
  expect(rig.state.snapshot?.digest).toBe(digestOfAll([a1, b2]));
});

test('[F44] an older answer of the same epoch is not used (ORD-6)', () => {
  const rig = live().say(put(a2), commit(2, a2)).end().untilPoll();
  const { snapshot: before, confirmedAt } = rig.state;
  rig.bring(1, a1);
  expect(rig.effects).toEqual([]);
  expect(rig.state).toMatchObject({ snapshot: before, confirmedAt });
  expect(modeOf(rig.state)).toBe('none');
});

test('[F44] another epoch is a reset, at any revision', () => {
  const rig = live().say(put(a2), commit(2, a2)).end().untilPoll();
  rig.answer({ outcome: 'snapshot', snapshot: { ...snapshot(1, b2), epoch: 'e2' }, ageMs: 0 });
  expect(rig.state.snapshot).toMatchObject({ epoch: 'e2', revision: 1 });
  expect(rig.wait().effects).toMatchObject([{ type: 'connect', cursor: { epoch: 'e2', revision: 1 } }]);
});

test('[F56] another digest at the same revision replaces the copy, and is counted', () => {
  const rig = polling().bring(1, b2);
  expect(rig.kinds).toEqual(['publish']);
  expect(rig.state.resyncs).toBe(1);
});

test('[F45] an answer makes the age: the time since it was asked for, and its time in caches', () => {
  const rig = polling();
  const asked = rig.now;
  rig.pass(2_000).answer({ outcome: 'unchanged', ageMs: 3_000 });
  expect(rig.state.confirmedAt).toBe(asked - 3_000);
  rig.untilPoll();
  const again = rig.now;
  expect(rig.bring(1, a1).state.confirmedAt).toBe(again);
});

test('[F45] an answer from a cache does not make the copy older than it was known to be', () => {
  const rig = live().pass(45_000).untilPoll().answer({ outcome: 'unchanged', ageMs: 3_600_000 });
  expect(rig.state.confirmedAt).toBe(0);
});

test('[F46] polls do not make a follower live: the mode and the age tell', () => {
  const rig = live().end();
  expect(modes(rig)).toEqual(['INTERRUPTED', 'none']);
  rig.untilPoll().answer({ outcome: 'unchanged', ageMs: 0 });
  expect(modes(rig)).toEqual(['STALE', 'poll']);
  expect(rig.untilPoll().fail(500).status).toBe('STALE');
  expect(modeOf(rig.state)).toBe('none');
});

test('[F46] what a poll brings to a follower that never was live is stale, not a default', () => {
  const rig = new Rig().start().end(503).untilPoll();
  expect(modes(rig)).toEqual(['DEFAULTS', 'none']);
  expect(modes(rig.bring(1, a1))).toEqual(['STALE', 'poll']);
});

test('[F47] polls that fail become rarer, up to 5 minutes', () => {
  const rig = polling();
  const delays = Array.from({ length: 5 }, () => {
    const { pollDelay } = rig.fail(500);
    rig.untilPoll();
    return pollDelay;
  });
  expect(delays).toEqual([60_000, 120_000, 240_000, 300_000, 300_000]);
  expect(rig.answer({ outcome: 'unchanged', ageMs: 0 }).pollDelay).toBe(30_000);
});

test('[F39] a poll that fails again puts the stream off by its longest delay, one that was answered does not', () => {
  const rig = polling();
  const untilWaiting = (): Rig => {
    while (rig.state.phase !== PHASE.waiting || rig.delay > 15_000) rig.happen({ type: 'tick' }).end();
    return rig;
  };
  const { delay } = untilWaiting();
  expect(rig.fail(500).delay).toBe(delay);
  rig.untilPoll();
  expect(untilWaiting().fail(500).delay).toBe(30_000);
  rig.untilPoll();
  const usual = untilWaiting().delay;
  expect(rig.answer({ outcome: 'unchanged', ageMs: 0 }).delay).toBe(usual);
});

test('[F47] Retry-After is a floor, up to 10 minutes', () => {
  const rig = polling();
  expect(rig.fail(429, 200_000).pollDelay).toBe(206_000);
  expect(rig.untilPoll().fail(503, 1e12).pollDelay).toBe(612_000);
});

test('[F47] an answer that could not be used is not fetched again within a minute (SDK-10)', () => {
  const rig = polling();
  rig.random = 0;
  expect(rig.fail(200).pollDelay).toBe(60_000);
});

test.each([401, 403])(
  '[F48] %d on a poll leads to REFUSED, and the next comes after 5 to 10 minutes',
  (status) => {
    const rig = polling();
    rig.random = 0;
    const { snapshot: before } = rig.state;
    expect(rig.fail(status).pollDelay).toBe(300_000);
    expect(rig.status).toBe('REFUSED');
    expect(rig.state).toMatchObject({ snapshot: before, problem: { status } });
    expect(rig.untilPoll().answer({ outcome: 'unchanged', ageMs: 0 }).status).toBe('STALE');
  },
);

test('[F48] a stream whose key is refused holds back polls, unless they are known to work', () => {
  const refused = new Rig().start(stored(true)).end(401);
  expect(refused.pollDelay).toBe(refused.delay);
  const works = polling().answer({ outcome: 'unchanged', ageMs: 0 });
  while (works.state.phase !== PHASE.connecting) works.tick();
  expect(works.end(403).status).toBe('REFUSED');
  expect(works.pollDelay).toBeLessThan(36_000);
});

test('[F49] 204 in place of a stream means to poll', () => {
  const rig = new Rig().start(stored(true)).end(204);
  expect(rig.pollDelay).toBe(500);
  rig.tick();
  expect(rig.kinds).toContain('poll');
  rig.answer({ outcome: 'unchanged', ageMs: 0 });
  expect(rig.end(204).pollDelay).toBe(30_000);
});

/** A stream whose first transfer, from revision 1 to `revision`, is on its way while a poll brings revision 3. */
function overtaken(revision: number): Rig {
  const rig = live().end();
  while (rig.polling.asking === null || rig.state.phase !== PHASE.connecting) {
    rig.tick();
  }
  return rig.say(hello('delta', revision), put(a2)).bring(3, a2, b2);
}

test('[F50] a commit that a poll has overtaken changes nothing until the stream has caught up', () => {
  const rig = overtaken(2).say(commit(2, a2));
  expect(rig.state.snapshot?.revision).toBe(3);
  expect(modes(rig)).toEqual(['STALE', 'poll']);
  rig.say(put(b2), commit(3, a2, b2));
  expect(rig.kinds).toEqual([]);
  expect(modes(rig)).toEqual(['LIVE', 'stream']);
});

test('[F50] a commit beyond what a poll has brought is taken', () => {
  const c4 = { kind: 'flag', key: 'c', version: 4 };
  const rig = overtaken(4).say(put(b2), put(c4), commit(4, a2, b2, c4));
  expect(rig.state.snapshot?.revision).toBe(4);
  expect(rig.status).toBe('LIVE');
});

test('[F50] a stream that differs where the copy stands is distrusted', () => {
  expect(overtaken(3).say(commit(3, a1)).state).toMatchObject({ resync: true, resyncs: 1 });
});

/** A live follower at revision 1 whose check is under way. */
function checking(): Rig {
  const rig = live();
  while (rig.polling.asking === null) rig.pass(15_000).say(heartbeat(1, a1));
  return rig;
}

test('[F55] a live copy is checked every 5 minutes, a fifth more or less', () => {
  expect(live().pollDelay).toBe(300_000);
  expect(checking().now).toBe(300_000);
  expect(checking().answer({ outcome: 'unchanged', ageMs: 0 }).pollDelay).toBe(300_000);
});

test('[F55] another digest at the same revision is distrusted (ORD-7)', () => {
  const rig = checking().bring(1, b2);
  expect(rig.kinds).toContain('disconnect');
  expect(rig.state).toMatchObject({
    resync: true,
    resyncs: 1,
    problem: { message: expect.stringContaining('digest') },
  });
  expect(rig.wait().effects).toEqual([{ type: 'connect', attempt: 2 }]);
});

test('[F55] the same digest, and an answer from a cache, change nothing', () => {
  expect(checking().bring(1, a1).status).toBe('LIVE');
  expect(checking().bring(0).status).toBe('LIVE');
});

test('[F55] a newer revision is waited for, and is published by the stream only', () => {
  const rig = checking().bring(2, a2);
  expect(rig.effects).toEqual([]);
  rig.pass(4_999).say(put(a2), commit(2, a2)).pass(1);
  expect(modes(rig)).toEqual(['LIVE', 'stream']);
  expect(rig.state).toMatchObject({ resyncs: 0, polling: { owed: null } });
});

test.each(['e1', 'e2'])(
  '[F55] a newer revision in epoch %s that does not come is distrusted 5 seconds later',
  (epoch) => {
    const rig = checking().answer({ outcome: 'snapshot', snapshot: { ...snapshot(2, a2), epoch }, ageMs: 0 });
    expect(rig.pass(4_999).status).toBe('LIVE');
    expect(rig.pass(1).status).toBe('INTERRUPTED');
    expect(rig.state).toMatchObject({ resync: true, resyncs: 1 });
    expect(rig.kinds).toEqual(['disconnect']);
  },
);

test.each([500, 401, 200])(
  '[F55] a check that fails with %d changes nothing but the time of the next',
  (status) => {
    const rig = checking();
    expect(modes(rig.fail(status))).toEqual(['LIVE', 'stream']);
    expect(rig.effects).toEqual([]);
    expect(rig.state.problem).toBeNull();
    expect(rig.pollDelay).toBeGreaterThanOrEqual(300_000);
  },
);

test('[F56] a heartbeat that differs is counted once (ORD-7)', () => {
  const rig = live().say(heartbeat(1, b2)).wait().say(hello('full', 1), put(b2), commit(1, b2));
  expect(rig.state.resyncs).toBe(1);
  expect(rig.status).toBe('LIVE');
});

test('[F5] closing gives up the poll under way', () => {
  expect(polling().happen({ type: 'close' }).kinds).toContain('abandon');
});

test('[F36] after a goodbye polls wait as after any other end', () => {
  expect(live().pass(5_000).say(goodbye(1_000)).pollDelay).toBe(46_000);
});
