import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberPosition, pageCursorOf, pageOfSorted, textPosition } from './page-cursor.ts';

test('[A26] the pages of a sorted list are the list, whatever their size', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 1, max: 7 }), (names, limit) => {
      const sorted = names.toSorted((left, right) => (left < right ? -1 : 1));
      expect(pagesOf(sorted, limit).flat()).toEqual(sorted);
    }),
  );
});

test('[A26] a page after a thing that is gone goes on behind it', () => {
  const cursor = pageCursorOf('beta');
  const after = textPosition(cursor);
  if (!after.ok) throw new Error('refused');
  expect(pageOfSorted(['alpha', 'gamma'], { after: after.value, limit: 5 }, (name) => name).items).toEqual([
    'gamma',
  ]);
});

test('[A26] no text is a cursor by chance', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const number = numberPosition(text);
      return !number.ok || number.value === undefined || Number.isSafeInteger(number.value);
    }),
  );
  expect(textPosition(pageCursorOf(7)).ok).toBe(false);
  expect(numberPosition(pageCursorOf('7')).ok).toBe(false);
});

function pagesOf(sorted: readonly string[], limit: number): string[][] {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const after = textPosition(cursor);
    if (!after.ok) throw new Error('refused');
    const page = pageOfSorted(sorted, { after: after.value, limit }, (name) => name);
    pages.push(page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return pages;
}
