import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change } from '../storage/storage.ts';
import { ChangeLog, EMPTY_COPY, history, put, remove } from './change-log.fixture.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { copyOf, differencesSince, fold, TOMBSTONES_MAX } from './environment-copy.ts';

function changesOf(commits: Parameters<ChangeLog['commit']>[0][]): Change[] {
  const log = new ChangeLog();
  return commits.map((commit) => log.commit(commit));
}

test('[D2] any split of a list of changes folds alike', () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat({ max: 20 })), (commits, cuts) => {
      const changes = changesOf([...commits]);
      const points = [0, ...cuts.map((cut) => Math.min(cut, changes.length)), changes.length].sort(
        (a, b) => a - b,
      );
      const split = points.reduce<EnvironmentCopy>((copy, point) => {
        const rest = changes.slice(copy.revision, point);
        return fold(copy, rest);
      }, EMPTY_COPY);
      expect(split).toEqual(fold(EMPTY_COPY, changes));
    }),
  );
});

test('[D2] the copy of a snapshot equals the fold of the changes that led to it', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (commits) => {
      const log = new ChangeLog();
      const changes = commits.map((commit) => log.commit(commit));
      const snapshot = await log.snapshot({ project: 'shop', environment: 'production' });
      const loaded = snapshot === undefined ? EMPTY_COPY : copyOf(snapshot);
      const folded = fold(EMPTY_COPY, changes);
      expect(new Map([...folded.objects].sort())).toEqual(new Map([...loaded.objects].sort()));
      expect(new Map([...folded.tombstones].sort())).toEqual(new Map([...loaded.tombstones].sort()));
      expect(folded.digest).toBe(loaded.digest);
      expect(folded.revision).toBe(loaded.revision);
    }),
  );
});

test('[D3] the digest of a copy is that of its objects', () => {
  fc.assert(
    fc.property(history, (commits) => {
      const copy = fold(EMPTY_COPY, changesOf([...commits]));
      expect(copy.digest).toBe(digestOfAll(copy.objects.values()));
    }),
  );
});

test('[D2] a missing, repeated or misplaced change is refused', () => {
  const [first, second, third] = changesOf([put('a'), put('b'), put('c')]);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three changes');
  expect(() => fold(EMPTY_COPY, [second])).toThrow('D2');
  expect(() => fold(EMPTY_COPY, [first, third])).toThrow('D2');
  expect(() => fold(EMPTY_COPY, [first, first])).toThrow('D2');
  expect(() => fold(fold(EMPTY_COPY, [first]), [first])).toThrow('D2');
});

test('[D2] folding leaves the copy that it began with as it was', () => {
  const before = fold(EMPTY_COPY, changesOf([put('a', 'b')]));
  const frozen = structuredClone(before);
  const log = new ChangeLog();
  log.commit(put('a', 'b'));
  fold(before, [log.commit(remove('a')), log.commit(put('b'))]);
  expect(before).toEqual(frozen);
});

test('[D5] an object that was removed and made again is no longer a removal', () => {
  const copy = fold(EMPTY_COPY, changesOf([put('a'), remove('a'), put('a')]));
  expect(differencesSince(copy, 1)).toMatchObject({ objects: [{ key: 'a', version: 3 }], tombstones: [] });
});

test('[D6] of very many removals the older half is forgotten, and the floor says so', () => {
  const keys = Array.from({ length: TOMBSTONES_MAX + 1 }, (_, index) => `flag-${index}`);
  const log = new ChangeLog();
  const copy = keys.reduce<EnvironmentCopy>((folded, key) => {
    const change = log.commit(remove(key));
    return change.revision % 1000 === 0 || change.revision > TOMBSTONES_MAX ? foldFrom(folded, log) : folded;
  }, EMPTY_COPY);
  expect(copy.tombstones.size).toBe(TOMBSTONES_MAX / 2);
  expect(copy.floor).toBe(TOMBSTONES_MAX / 2 + 1);
  expect(differencesSince(copy, copy.floor).tombstones).toHaveLength(TOMBSTONES_MAX / 2);

  function foldFrom(folded: EnvironmentCopy, source: ChangeLog): EnvironmentCopy {
    return fold(folded, source.after(folded.revision));
  }
});
