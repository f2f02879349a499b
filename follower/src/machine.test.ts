import type { Versioned } from '@dimmer/schema';
import { expect, test } from 'vitest';
import type { StreamMessage } from './event.ts';
import {
  a1,
  a2,
  agedHeartbeat,
  b2,
  commit,
  goodbye,
  heartbeat,
  hello,
  live,
  put,
  Rig,
  stored,
} from './rig.fixture.ts';
import { deadlineOf, isLive } from './state.ts';
import { DEFAULT_TIMING } from './timing.ts';

test('[F1] a follower that was not started has looked at nothing', () => {
  expect(new Rig().status).toBe('INIT');
});

test('[F1] without a stored snapshot callers have their fallbacks only', () => {
  const rig = new Rig().start();
  expect(rig.status).toBe('DEFAULTS');
  expect(rig.effects).toEqual([{ type: 'connect', attempt: 1 }]);
});

test('[F2] a cached snapshot is served before the first attempt, which continues from its cursor', () => {
  const rig = new Rig().start(stored(true));
  expect(rig.status).toBe('CACHED');
  expect(rig.kinds).toEqual(['publish', 'connect']);
  expect(rig.effects[1]).toEqual({ type: 'connect', attempt: 1, cursor: { epoch: 'e1', revision: 1 } });
});

test('[F2] a store that does not vouch for its objects is served, and everything is asked for', () => {
  const rig = new Rig().start(stored(false));
  expect(rig.status).toBe('BOOTSTRAP');
  expect(rig.effects[1]).toEqual({ type: 'connect', attempt: 1 });
});

test('[F3] a lost stream and a refused key leave the snapshot as it is', () => {
  const rig = live();
  const before = rig.state.snapshot;
  rig.end(500).wait().end(401);
  expect(rig.state.snapshot).toBe(before);
  expect(rig.status).toBe('REFUSED');
});

test('[F4] a stream is live from its first commit on', () => {
  const rig = new Rig().start().say(hello('full', 1), put(a1));
  expect(rig.status).toBe('DEFAULTS');
  expect(rig.say(commit(1, a1)).status).toBe('LIVE');
});

test('[F4] a lost stream is interrupted, and stale 45 seconds later', () => {
  const rig = live();
  rig.random = 0.99;
  expect(rig.end().status).toBe('INTERRUPTED');
  while (rig.now < 44_999) rig.wait().end();
  expect(rig.now).toBeGreaterThanOrEqual(44_999);
  rig.pass(1);
  expect(rig.status).toBe('STALE');
});

test('[F4] staleness has a deadline of its own', () => {
  const rig = live().end(503, 500_000);
  expect(deadlineOf(rig.state)).toBe(45_000);
  expect(rig.wait().status).toBe('STALE');
  expect(rig.now + rig.delay).toBe(500_500);
});

test('[F4] a stale follower is live again with the next stream', () => {
  const rig = live().end(503, 50_000).wait().wait().say(hello('none', 1));
  expect(rig.status).toBe('LIVE');
  expect(rig.state.problem).toBeNull();
});

test('[F5] closing ends the stream, and nothing after it changes anything', () => {
  const rig = live().happen({ type: 'close' });
  expect(rig.kinds).toEqual(['disconnect']);
  expect(rig.status).toBe('CLOSED');
  expect(deadlineOf(rig.state)).toBe(Number.POSITIVE_INFINITY);
  const closed = rig.state;
  expect(rig.start().say(hello('full', 2)).end().pass(1e9).state).toBe(closed);
});

test('[F10] nothing is published before its commit, and a commit publishes once', () => {
  const rig = live().say(put(a2), put(b2));
  expect(rig.effects).toEqual([]);
  expect(rig.state.snapshot?.revision).toBe(1);
  rig.say(commit(2, a2, b2));
  expect(rig.kinds).toEqual(['publish']);
  expect([...(rig.state.snapshot?.objects.values() ?? [])]).toEqual([a2, b2]);
});

test('[F10] a published snapshot is not changed by a later commit', () => {
  const rig = live();
  const first = rig.state.snapshot;
  rig.say(put(b2), commit(2, a1, b2));
  expect([...(first?.objects.keys() ?? [])]).toEqual(['flag/a']);
});

test('[F10] what was staged is forgotten with its stream', () => {
  const rig = live().say(put(b2)).end().wait().say(hello('delta', 2), put(a2), commit(2, a2));
  expect([...(rig.state.snapshot?.objects.keys() ?? [])]).toEqual(['flag/a']);
});

test('[F10] a kill is told with its publication', () => {
  const rig = live().say(put(a2), { ...commit(2, a2), kill: true } as StreamMessage<Versioned>);
  expect(rig.effects).toMatchObject([{ publication: { kill: true } }]);
});

test('[F11] a full transfer drops what it does not send', () => {
  const rig = live().end().wait().say(hello('full', 2), put(b2), commit(2, b2));
  expect([...(rig.state.snapshot?.objects.keys() ?? [])]).toEqual(['flag/b']);
});

test('[F11] a delta keeps what it does not mention, and deletes what it says', () => {
  const gone: StreamMessage<Versioned> = { type: 'delete', kind: 'flag', key: 'a', version: 3 };
  const rig = live()
    .end()
    .wait()
    .say(hello('delta', 2), put(b2), commit(2, a1, b2));
  expect(rig.state.snapshot?.objects.size).toBe(2);
  expect([...(rig.say(gone, commit(3, b2)).state.snapshot?.objects.keys() ?? [])]).toEqual(['flag/b']);
});

test('[F11] an environment without objects is a snapshot like any other', () => {
  const rig = new Rig().start().say(hello('full', 0), commit(0));
  expect(rig.status).toBe('LIVE');
  expect(rig.state.snapshot?.objects.size).toBe(0);
});

test('[F12] with mode none the snapshot is current without a commit', () => {
  const rig = new Rig().start(stored(true)).say(hello('none', 1));
  expect(rig.status).toBe('LIVE');
  expect(rig.state.source).toBe('stream');
  expect(rig.state.confirmedAt).toBe(0);
});

test('[F13] a server that is behind in the same epoch is tried again with the same cursor', () => {
  const rig = live().say(put(a2), commit(2, a2)).end().wait().say(hello('full', 1));
  expect(rig.kinds).toEqual(['disconnect']);
  expect(rig.wait().effects).toEqual([{ type: 'connect', attempt: 3, cursor: { epoch: 'e1', revision: 2 } }]);
});

test('[F13] a commit below its own hello cannot lower the revision', () => {
  const rig = live().say(put(a2), commit(2, a2)).end().wait().say(hello('full', 2), commit(1));
  expect(rig.state.snapshot?.revision).toBe(2);
  expect(rig.state.resync).toBe(true);
});

test('[F14] another epoch is accepted in full, at any revision', () => {
  const rig = live()
    .say(put(a2), commit(2, a2))
    .end()
    .wait()
    .say(hello('full', 1, 'e2'), put(b2), commit(1, b2));
  expect(rig.state.snapshot).toMatchObject({ epoch: 'e2', revision: 1 });
});

test.each(['none', 'delta'] as const)('[F14] mode %s in another epoch is distrusted', (mode) => {
  const rig = live()
    .end()
    .wait()
    .say(hello(mode, 1, 'e2'));
  expect(rig.state).toMatchObject({ resync: true, snapshot: { epoch: 'e1' } });
});

test('[F15] a commit whose digest differs is not published, and everything is asked for again', () => {
  const rig = live().say(put(a2), commit(2, b2));
  expect(rig.kinds).toEqual(['disconnect']);
  expect(rig.state.snapshot?.revision).toBe(1);
  expect(rig.wait().effects).toEqual([{ type: 'connect', attempt: 2 }]);
});

test('[F16] a heartbeat that agrees confirms the snapshot', () => {
  const rig = live();
  rig.now = 15_000;
  rig.say(heartbeat(1, a1));
  expect(rig.status).toBe('LIVE');
  expect(rig.state.confirmedAt).toBe(14_980);
});

test('[F16] a heartbeat with another digest is distrusted', () => {
  const rig = live().say(heartbeat(1, b2));
  expect(rig.state.resync).toBe(true);
  expect(rig.status).toBe('INTERRUPTED');
});

test('[F16] a heartbeat at another revision ends the stream, and the next continues from the cursor', () => {
  const rig = live().say(heartbeat(2, a2));
  expect(rig.wait().effects).toEqual([{ type: 'connect', attempt: 2, cursor: { epoch: 'e1', revision: 1 } }]);
});

test('[F16] a heartbeat amid the first transfer compares nothing', () => {
  const rig = new Rig().start().say(hello('full', 1), heartbeat(7), put(a1), commit(1, a1));
  expect(rig.status).toBe('LIVE');
});

test('[F18] an object that is repeated at its version keeps its identity', () => {
  const rig = live();
  const before = rig.state.snapshot?.objects.get('flag/a');
  rig
    .end()
    .wait()
    .say(hello('full', 2), put({ ...a1 }), put(b2), commit(2, a1, b2));
  expect(rig.state.snapshot?.objects.get('flag/a')).toBe(before);
});

test('[F18] a distrusted copy keeps nothing', () => {
  const rig = live();
  const before = rig.state.snapshot?.objects.get('flag/a');
  rig
    .say(heartbeat(1, b2))
    .wait()
    .say(hello('full', 1), put({ ...a1 }), commit(1, a1));
  expect(rig.state.snapshot?.objects.get('flag/a')).not.toBe(before);
});

test.each([
  ['malformed data', (rig: Rig) => malformed(rig)],
  ['a commit before hello', (rig: Rig) => rig.end().wait().say(commit(2))],
  ['a second hello', (rig: Rig) => rig.say(hello('full', 2))],
  ['a commit at the revision that is here', (rig: Rig) => rig.say(commit(1, a1))],
  ['mode none at another revision', (rig: Rig) => rig.end().wait().say(hello('none', 2))],
])('[F20] %s ends the stream and the trust', (_what, provoke) => {
  const rig = provoke(live());
  expect(rig.kinds).toEqual(['disconnect']);
  expect(rig.state.resync).toBe(true);
  expect(rig.state.snapshot?.revision).toBe(1);
});

test('[F58] an update that is refused is told with why, epoch and revision', () => {
  expect(live().state.refusal).toBeNull();
  const differs = live().say(put(a2), commit(2, b2));
  expect(differs.state.refusal).toMatchObject({ code: 'DIGEST_MISMATCH', epoch: 'e1', revision: 2 });
  expect(malformed(live()).state.refusal).toMatchObject({ code: 'MALFORMED', epoch: 'e1', revision: null });
});

test('[F20] mode delta is distrusted when everything was asked for', () => {
  const rig = malformed(live()).wait().say(hello('delta', 2));
  expect(rig.kinds).toEqual(['disconnect']);
});

test('[F24] a full transfer that is distrusted as well is not fetched again within a minute (SDK-10)', () => {
  const rig = malformed(live());
  expect(rig.delay).toBeLessThan(1_000);
  malformed(rig.pass(rig.delay).say(hello('full', 2)));
  expect(rig.delay).toBeGreaterThanOrEqual(60_000);
  rig.pass(rig.delay).say(hello('full', 2), put(a2), commit(2, a2));
  expect(rig.status).toBe('LIVE');
  expect(malformed(rig).delay).toBeLessThan(5_000);
});

test('[F21] an unknown event changes nothing', () => {
  const rig = live();
  const before = rig.state;
  rig.happen({ type: 'message', attempt: 1, decoded: { outcome: 'ignored' }, size: 1 });
  expect(rig.state).toEqual(before);
});

test('[F22] staged data without a commit is bounded', () => {
  const rig = live();
  const size = DEFAULT_TIMING.stagedCharactersMax / 2 + 1;
  const decoded = { outcome: 'decoded', value: put(b2) } as const;
  rig.happen({ type: 'message', attempt: 1, decoded, size });
  expect(rig.kinds).toEqual([]);
  rig.happen({ type: 'message', attempt: 1, decoded, size });
  expect(rig.kinds).toEqual(['disconnect']);
});

test('[F30] what an earlier stream still says is not heard', () => {
  const rig = live().end().wait();
  const before = rig.state;
  rig.happen({ type: 'message', attempt: 1, decoded: { outcome: 'decoded', value: commit(9) }, size: 1 });
  rig.happen({ type: 'ended', attempt: 1, end: { message: 'late' } });
  rig.happen({ type: 'retry', attempt: 1, delayMs: 9 });
  expect(rig.state).toEqual(before);
});

test('[F31] an attempt without hello is given up after 10 seconds', () => {
  const rig = new Rig().start();
  expect(rig.pass(9_999).kinds).toEqual([]);
  expect(rig.pass(1).kinds).toEqual(['disconnect']);
});

test('[F32] 45 seconds of silence end a stream, and a heartbeat breaks the silence', () => {
  const rig = live().pass(44_000).say(heartbeat(1, a1)).pass(44_999);
  expect(rig.status).toBe('LIVE');
  expect(rig.pass(1).status).toBe('INTERRUPTED');
});

test('[F33] delays double from 1 to 30 seconds, with full jitter', () => {
  const rig = new Rig().start();
  rig.random = 1;
  const delays = Array.from({ length: 8 }, () => {
    const { delay } = rig.end();
    rig.wait();
    return delay;
  });
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  rig.random = 0.1;
  expect(rig.end().delay).toBeCloseTo(3_000);
});

test('[F33] a stream that is live and ends at once is followed by growing delays too', () => {
  const rig = live();
  rig.random = 1;
  expect(rig.end().delay).toBe(1_000);
  expect(rig.wait().say(hello('none', 1)).end().delay).toBe(2_000);
});

test('[F34] 60 live seconds take the delay back', () => {
  const rig = live();
  rig.random = 1;
  rig.end().wait().end().wait().say(hello('none', 1));
  rig.pass(30_000).say(heartbeat(1, a1)).pass(30_000);
  expect(rig.end().delay).toBe(1_000);
});

test('[F35] Retry-After and retry are added to the delay', () => {
  expect(new Rig().start().end(503, 5_000).delay).toBe(5_500);
  const rig = live().happen({ type: 'retry', attempt: 1, delayMs: 2_000 });
  expect(rig.end().delay).toBe(2_500);
});

test.each([Number.POSITIVE_INFINITY, Number.NaN, -5])(
  '[F35] an absurd Retry-After (%s) is survived',
  (asked) => {
    expect(new Rig().start().end(503, asked).delay).toBe(500);
  },
);

test('[F35] no server may ask for more than 10 minutes', () => {
  expect(new Rig().start().end(503, 1e12).delay).toBe(600_500);
});

test('[F36] a goodbye is no failure', () => {
  const rig = live().pass(1_000).say(goodbye(300));
  expect(rig.delay).toBe(300);
  expect(rig.state).toMatchObject({ failures: 0, problem: null });
  expect(rig.status).toBe('INTERRUPTED');
});

test('[F36] a goodbye at once is obeyed on top of a growing delay', () => {
  const rig = live();
  expect(rig.say(goodbye(300)).delay).toBe(800);
  expect(rig.wait().say(goodbye(0)).delay).toBe(1_000);
});

test.each([401, 403])('[F37] %i is tried again after 5 to 10 minutes', (status) => {
  const rig = live();
  rig.random = 0;
  expect(rig.end(status).delay).toBe(300_000);
  rig.random = 1;
  expect(rig.wait().wait().end(status).delay).toBe(600_000);
  expect(rig.status).toBe('REFUSED');
  expect(rig.wait().say(hello('none', 1)).status).toBe('LIVE');
});

test.each([204, 400, 404, 405, 408, 410, 429, 500, 502, 503, 504, 599])(
  '[F38] %i is tried again',
  (status) => {
    expect(live().end(status).wait().kinds).toEqual(['connect']);
  },
);

function malformed(rig: Rig): Rig {
  const decoded = { outcome: 'malformed', problem: 'commit: no digest' } as const;
  return rig.happen({ type: 'message', attempt: rig.state.attempt, decoded, size: 1 });
}

/** What a server says that lost its database 45 s before the beginning, and has what the copy has. */
function cutOffHello({ now }: Rig): StreamMessage<Versioned> {
  return { ...hello('none', 1), databaseAgeMs: now + 45_000 } as StreamMessage<Versioned>;
}

test('[F59] a server without its database makes stale, and is kept for half a minute', () => {
  const rig = live().say(agedHeartbeat(44_999));
  expect(rig.status).toBe('LIVE');
  expect(rig.say(agedHeartbeat(45_000)).status).toBe('STALE');
  expect(rig.kinds).toEqual([]);
  expect(rig.state.confirmedAt).toBe(-45_000);
  expect(rig.pass(15_000).say(agedHeartbeat(60_000)).status).toBe('STALE');
  expect(rig.pass(17_999).kinds).toEqual([]);
  expect(rig.pass(1).kinds).toEqual(['disconnect']);
  expect([rig.status, rig.state.problem?.message]).toEqual([
    'STALE',
    'the server is cut off from its database',
  ]);
});

test('[F59] the next server is believed at its hello, cut off or not', () => {
  const rig = live().say(agedHeartbeat(45_000));
  rig.untilLeft();
  rig.wait();
  expect(rig.say(cutOffHello(rig)).status).toBe('STALE');
  rig.untilLeft();
  expect(rig.wait().say(hello('none', 1)).status).toBe('LIVE');
});

test('[F59] while every server that is found is cut off, the search grows rarer; a fresh one begins it anew', () => {
  const rig = live().say(agedHeartbeat(45_000));
  for (const keptMs of [33_000, 99_000, 297_000, 330_000, 330_000]) {
    expect(rig.untilLeft()).toBe(keptMs);
    rig.wait();
    expect(rig.say(cutOffHello(rig)).status).toBe('STALE');
  }
  expect(rig.say(agedHeartbeat(500)).status).toBe('LIVE');
  expect(rig.say(agedHeartbeat(45_000)).untilLeft()).toBe(33_000);
});

test('[F59] an end for another reason is no search, and does not begin it anew', () => {
  const rig = live().say(agedHeartbeat(45_000));
  rig.untilLeft();
  rig.wait();
  rig.say(cutOffHello(rig)).end().wait();
  rig.say(cutOffHello(rig));
  expect(rig.untilLeft()).toBe(99_000);
});

test('[F59] the commit of a kill that a cut-off server holds does not begin the search anew', () => {
  const rig = live().say(agedHeartbeat(45_000));
  rig.untilLeft();
  rig.wait();
  rig.say(cutOffHello(rig), put(a2), commit(2, a2));
  expect(rig.status).toBe('LIVE');
  rig.say({ ...heartbeat(2, a2), databaseAgeMs: rig.now + 45_000 } as StreamMessage<Versioned>);
  expect(rig.status).toBe('STALE');
  expect((rig.state.search?.leaveAt ?? Number.NaN) - rig.now).toBe(99_000);
});

test('[F59] [F32] a server that is cut off and silent is left after three heartbeats, however long it would be kept', () => {
  const rig = live().say(agedHeartbeat(45_000));
  for (let servers = 0; servers < 4; servers += 1) {
    rig.untilLeft();
    rig.wait();
    rig.say(cutOffHello(rig));
  }
  rig.pass(44_999);
  expect(isLive(rig.state)).toBe(true);
  expect(rig.pass(1).state.problem?.message).toBe('the stream is silent');
});

test('[F59] a server that has its database back is kept', () => {
  const rig = live().say(agedHeartbeat(45_000), agedHeartbeat(500));
  expect(rig.status).toBe('LIVE');
  expect(rig.pass(44_999).kinds).toEqual([]);
  rig.say(agedHeartbeat(50_000), put(a2), commit(2, a2));
  expect(rig.status).toBe('LIVE');
});
