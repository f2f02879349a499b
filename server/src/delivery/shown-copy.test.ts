import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChangeLog, EMPTY_COPY, history } from './change-log.fixture.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { differencesBetween, fold } from './environment-copy.ts';
import { flagObject } from './flag-object.fixture.ts';
import type { HeldFlags, ShownCopy } from './shown-copy.ts';
import { copyShower, isAnotherHistory, isCrossing, killedDefinitions, withKilled } from './shown-copy.ts';

const keys: fc.Arbitrary<string[]> = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'nowhere'));

/** Every copy of a history, from its first revision on. */
const copies: fc.Arbitrary<readonly EnvironmentCopy[]> = history.map((commits) => {
  const log = new ChangeLog();
  const made = [EMPTY_COPY];
  for (const commit of commits) made.push(fold(made.at(-1) ?? EMPTY_COPY, [log.commit(commit)]));
  return made;
});

const lastCopy = copies.map((made) => made.at(-1) ?? EMPTY_COPY);

test('[BG7] exactly the flags that are held are killed, and nothing else differs but the epoch', () => {
  fc.assert(
    fc.property(lastCopy, keys, (copy, held) => {
      const shown = withKilled(copy, { epoch: 'k', flags: new Set(held) }, killedDefinitions());
      for (const [name, object] of copy.objects) {
        const isHeld = object.kind === 'flag' && held.includes(object.key);
        expect(shown.objects.get(name)).toEqual(isHeld ? { ...object, killed: true } : object);
        if (!isHeld) expect(shown.objects.get(name)).toBe(object);
      }
      expect({ ...shown, objects: copy.objects, epoch: copy.epoch }).toEqual(copy);
      expect([...shown.objects.keys()]).toEqual([...copy.objects.keys()]);
      expect(shown.digest).toBe(digestOfAll(shown.objects.values()));
      expect(shown.epoch).not.toBe(copy.epoch);
    }),
  );
});

test('[BG24] a copy of another epoch and the same lineage is crossed to, as a kill where it kills more', () => {
  const copyAt = (epoch: string, lineage: string, killed: boolean): EnvironmentCopy => {
    const object = flagObject('a', 1, killed ? { killed } : {});
    return { ...EMPTY_COPY, epoch, lineage, objects: new Map([['flag/a', object]]) };
  };
  const show = copyShower();
  const first = show(copyAt('e', '1', false), undefined);
  const held = show(copyAt('ke', '1', true), undefined);
  const back = show(copyAt('e', '1', true), undefined);
  const restored = show(copyAt('f', '2', false), undefined);
  expect([isCrossing(first, held), isCrossing(held, back), isCrossing(back, restored)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isAnotherHistory(back, restored)).toBe(true);
  // A copy that was read anew in its epoch is no other history.
  expect(isAnotherHistory(back, { ...back, lineage: '2' })).toBe(false);
  expect([held, back].map(({ killPosition, position }) => killPosition === position)).toEqual([true, false]);
});

test('[BG7] without held kills it is the copy itself, also after some', () => {
  fc.assert(
    fc.property(lastCopy, keys, (copy, held) => {
      const show = copyShower();
      const first = show(copy, undefined);
      show(copy, { epoch: 'k', flags: new Set(held) });
      const back = show(copy, undefined);
      expect(back).toMatchObject({ epoch: copy.epoch, revision: copy.revision, digest: copy.digest });
      expect(back.objects).toBe(copy.objects);
      expect(differencesBetween(first, back)).toEqual({ objects: [], tombstones: [] });
    }),
  );
});

test('[BG9] an object that does not change keeps its identity from revision to revision, killed or not', () => {
  fc.assert(
    fc.property(copies, keys, (made, held) => {
      const killedOf = killedDefinitions();
      const flags: HeldFlags = { epoch: 'k', flags: new Set(held) };
      const shown = made.map((copy) => withKilled(copy, flags, killedOf));
      for (const [index, copy] of made.slice(1).entries()) {
        for (const [name, object] of copy.objects) {
          const isSame = made[index]?.objects.get(name) === object;
          expect(shown[index + 1]?.objects.get(name) === shown[index]?.objects.get(name)).toBe(isSame);
        }
      }
    }),
  );
});

test('[BG8] the differences of two copies make one of the other', () => {
  fc.assert(
    fc.property(lastCopy, lastCopy, (before, after) => {
      const objects = new Map(before.objects);
      const { objects: put, tombstones } = differencesBetween(before, after);
      for (const object of put) objects.set(`${object.kind}/${object.key}`, object);
      for (const { kind, key } of tombstones) objects.delete(`${kind}/${key}`);
      expect(new Map([...objects].sort())).toEqual(new Map([...after.objects].sort()));
    }),
  );
});

test('[BG6, BG8] positions rise by what streams have to be told, and say where the last kill was', () => {
  const [one, two] = [
    { ...EMPTY_COPY, revision: 7 },
    { ...EMPTY_COPY, revision: 9 },
  ];
  const a: HeldFlags = { epoch: 'a', flags: new Set(['a']) };
  const ab: HeldFlags = { epoch: 'ab', flags: new Set(['a', 'b']) };
  const show = copyShower();
  const seen: (readonly [position: number, killPosition: number, crossing: boolean])[] = [];
  let before: ShownCopy | undefined;
  for (const [copy, held] of [
    [one, undefined],
    [two, undefined],
    [two, a],
    [{ ...two, revision: 12 }, a],
    [{ ...two, revision: 12 }, ab],
    [{ ...two, revision: 12 }, a],
    [{ ...two, revision: 13, lastKill: 13 }, undefined],
    [{ ...two, epoch: 'second', lineage: 'second' }, a],
  ] as const) {
    const shown = show(copy, held);
    seen.push([shown.position, shown.killPosition, before !== undefined && isCrossing(before, shown)]);
    before = shown;
  }
  expect(seen).toEqual([
    [7, 0, false],
    [9, 0, false],
    [10, 10, true],
    [13, 10, false],
    [14, 14, true],
    [15, 14, true],
    [16, 16, true],
    // Another history: streams begin anew.
    [17, 17, false],
  ]);
});
