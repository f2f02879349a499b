import type { WireObject } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { historyDifference } from './another-history.ts';
import { flagObject } from './flag-object.fixture.ts';

function holding(...objects: readonly WireObject[]) {
  return { objects: new Map(objects.map((object) => [`${object.kind}/${object.key}`, object])) };
}

test('[M41] flags that were added, removed or changed are named, and kills that are gone; versions of two histories do not compare', () => {
  const killed: WireObject = flagObject('killed', 3, { killed: true });
  const before = holding(flagObject('same', 1), flagObject('gone', 2), killed);
  const after = holding(flagObject('same', 2), flagObject('new', 1), flagObject('killed', 3));
  expect(historyDifference(before, after)).toEqual({
    flags: ['gone', 'killed', 'new'],
    killsGone: ['killed'],
    count: 3,
  });
});

test('[M41] no more are named than anybody reads, and all are counted', () => {
  const many = Array.from({ length: 101 }, (_, index) => flagObject(`f${index}`, 1));
  const { flags, count } = historyDifference(holding(...many), holding());
  expect([flags.length, count]).toEqual([100, 101]);
});
