import { formatCursor, parseCursor } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChangeLog, ENVIRONMENT, history, put } from './change-log.fixture.ts';
import { newDeliveryCounts } from './delivery-counts.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { copyOf } from './environment-copy.ts';
import { FrameCache } from './frame-cache.ts';
import { helloFrame } from './frames.ts';
import { Reader } from './reader.fixture.ts';
import { modeOf } from './resume.ts';

async function copyFrom(log: ChangeLog): Promise<EnvironmentCopy> {
  const snapshot = await log.snapshot(ENVIRONMENT);
  if (snapshot === undefined) throw new Error('no such environment');
  return copyOf(snapshot);
}

function bytesFor(copy: EnvironmentCopy, cursor: ReturnType<typeof parseCursor>): Buffer {
  const frames = new FrameCache(newDeliveryCounts().encodings);
  const mode = modeOf(copy, cursor);
  const hello = helloFrame(copy, mode, { heartbeatMs: 15_000, databaseAgeMs: 20 });
  if (mode === 'none') return hello;
  const objects =
    mode === 'delta' && cursor !== undefined ? frames.delta(copy, cursor.revision) : frames.full(copy);
  return Buffer.concat([hello, objects]);
}

test('[D4] a cursor is continued exactly when it lies between the floor and now', async () => {
  const log = new ChangeLog();
  for (const key of ['a', 'b', 'c', 'd', 'e']) log.commit(put(key));
  log.prune(2);
  const copy = await copyFrom(log);
  const modes = [0, 1, 2, 3, 4, 5, 6, 100].map((revision) => modeOf(copy, { epoch: 'first', revision }));
  expect(modes).toEqual(['full', 'full', 'delta', 'delta', 'delta', 'none', 'full', 'full']);
});

test.each([undefined, '', '3', 'first', 'first:', 'first:-1', 'first:1e3', 'other:3', 'first:3:3', '💥'])(
  '[D4] the cursor %j is answered in full',
  async (text) => {
    const log = new ChangeLog();
    for (const key of ['a', 'b', 'c']) log.commit(put(key));
    expect(modeOf(await copyFrom(log), parseCursor(text))).toBe('full');
  },
);

test('[D5] [W9] from any cursor the stream leads to the same objects and digest (ORD-4)', async () => {
  await fc.assert(
    fc.asyncProperty(history, history, fc.nat({ max: 20 }), async (past, future, floor) => {
      const log = new ChangeLog();
      const reader = new Reader();
      for (const commit of past) log.commit(commit);
      reader.read(bytesFor(await copyFrom(log), undefined));
      for (const commit of future) log.commit(commit);
      log.prune(Math.min(floor, log.revision));
      const copy = await copyFrom(log);
      reader.read(bytesFor(copy, parseCursor(reader.cursor && formatCursor(reader.cursor))));
      expect(reader.objects).toEqual(new Map(copy.objects));
      expect(reader.cursor).toEqual({ epoch: copy.epoch, revision: copy.revision });
    }),
  );
});

test('[D5] the same bytes read twice leave the reader where it was', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.nat({ max: 20 }), async (commits, since) => {
      const log = new ChangeLog();
      for (const commit of commits) log.commit(commit);
      const copy = await copyFrom(log);
      const full = new Reader();
      full.read(bytesFor(copy, undefined));
      full.read(bytesFor(copy, undefined));
      full.read(bytesFor(copy, { epoch: copy.epoch, revision: Math.max(since, copy.revision) }));
      expect(full.objects).toEqual(new Map(copy.objects));
    }),
  );
});

test('[D7] an environment without objects is a valid snapshot (ORD-8)', async () => {
  const reader = new Reader();
  reader.read(bytesFor(await copyFrom(new ChangeLog()), undefined));
  expect(reader.types).toEqual(['hello', 'commit']);
  expect(reader.cursor).toEqual({ epoch: 'first', revision: 0 });
  expect(reader.objects.size).toBe(0);
});
