import { decodeSnapshot } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChangeLog, ENVIRONMENT, history, put } from './change-log.fixture.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { copyOf, fold } from './environment-copy.ts';
import { flagObject } from './flag-object.fixture.ts';
import { DELTAS_MAX, FrameCache } from './frame-cache.ts';
import { goodbyeFrame, putFrame } from './frames.ts';
import { eventsOf } from './reader.fixture.ts';

async function copyAfter(log: ChangeLog): Promise<EnvironmentCopy> {
  const snapshot = await log.snapshot(ENVIRONMENT);
  if (snapshot === undefined) throw new Error('no such environment');
  return copyOf(snapshot);
}

function setUp() {
  const { encodings } = newDeliveryCounts();
  return { encodings, frames: new FrameCache(encodings) };
}

test('[D3] the same question gets the same buffer, not an equal one', async () => {
  const log = new ChangeLog();
  log.commit(put('a'));
  const copy = await copyAfter(log);
  const { frames, encodings } = setUp();
  expect(frames.delta(copy, 0)).toBe(frames.delta(copy, 0));
  expect(frames.full(copy)).toBe(frames.full(copy));
  expect(frames.document(copy)).toBe(frames.document(copy));
  expect(encodings).toEqual({ delta: 1, full: 1, document: 1 });
});

test('[D3] an object version becomes JSON once, whatever is made of it', async () => {
  const log = new ChangeLog();
  let times = 0;
  const toJSON = (): unknown => {
    times += 1;
    return flagObject('a', 1);
  };
  const flag = { ...flagObject('a', 1), toJSON };
  log.commit(put('b'));
  const copy = await copyAfter(log);
  const withFlag: EnvironmentCopy = { ...copy, objects: new Map([...copy.objects, ['flag/a', flag]]) };
  const { frames } = setUp();
  frames.full(withFlag);
  frames.document(withFlag);
  frames.delta(withFlag, 0);
  frames.full(fold(withFlag, [log.commit(put('b'))]));
  expect(times).toBe(1);
});

test('[D5] the same position is answered anew at each revision', async () => {
  const log = new ChangeLog();
  log.commit(put('a'));
  const before = await copyAfter(log);
  const after = fold(before, [log.commit(put('b'))]);
  const { frames } = setUp();
  for (const copy of [before, after, before]) {
    expect(frames.delta(copy, 0)).toEqual(setUp().frames.delta(copy, 0));
    expect(frames.full(copy)).toEqual(setUp().frames.full(copy));
    expect(frames.document(copy)).toEqual(setUp().frames.document(copy));
  }
});

test('[D3] deltas of slow readers are kept for a few positions only', async () => {
  const log = new ChangeLog();
  for (let index = 0; index <= DELTAS_MAX + 1; index += 1) log.commit(put('a'));
  const copy = await copyAfter(log);
  const { frames, encodings } = setUp();
  for (let since = 0; since <= DELTAS_MAX; since += 1) frames.delta(copy, since);
  expect(frames.delta(copy, DELTAS_MAX)).toEqual(frames.delta(copy, DELTAS_MAX));
  expect(encodings.delta).toBe(DELTAS_MAX + 3);
});

test('[D1] a merged delta says kill when any of its revisions killed', () => {
  const log = new ChangeLog();
  const empty = { ...emptyCopy };
  const killed = fold(empty, [
    log.commit(put('a')),
    log.commit({ ...put('a'), kill: true }),
    log.commit(put('b')),
  ]);
  const { frames } = setUp();
  const isKill = (since: number): unknown => {
    const last = eventsOf(frames.delta(killed, since)).at(-1)?.message;
    return last?.type === 'commit' && last.kill;
  };
  expect([0, 1, 2].map(isKill)).toEqual([true, true, undefined]);
});

test('[D15] the snapshot document holds what the copy holds, for any history', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (commits) => {
      const log = new ChangeLog();
      for (const commit of commits) log.commit(commit);
      const copy = await copyAfter(log);
      const parsed: unknown = JSON.parse(setUp().frames.document(copy).toString());
      const decoded = decodeSnapshot(parsed);
      expect(decoded).toMatchObject({ outcome: 'decoded', value: { objects: [...copy.objects.values()] } });
    }),
  );
});

test('[D1] text that looks like a line of the protocol stays inside its frame', () => {
  const metadata = { note: 'a\n\nevent: goodbye\r\ndata: {}\u2028\u0000💡' };
  const events = eventsOf(putFrame({ ...flagObject('a', 1), metadata }));
  expect(events).toEqual([
    { id: undefined, message: { type: 'put', object: expect.objectContaining({ metadata }) } },
  ]);
});

test('[D13] a goodbye tells why, and when to come back', () => {
  const [event] = eventsOf(goodbyeFrame('overloaded', 1_500));
  expect(event).toEqual({
    id: undefined,
    message: { type: 'goodbye', reason: 'overloaded', reconnectInMs: 1_500 },
  });
});

const emptyCopy = copyOf({
  epoch: 'first',
  revision: 0,
  historyFloor: 0,
  committedAt: '2023-11-14T22:13:20.000Z',
  objects: [],
  tombstones: [],
});
