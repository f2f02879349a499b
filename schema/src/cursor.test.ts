import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCursor, parseCursor } from './cursor.ts';

test('[W7] a cursor survives being written and read', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9]{1,64}$/), fc.nat(), (epoch, revision) => {
      expect(parseCursor(formatCursor({ epoch, revision }))).toEqual({ epoch, revision });
    }),
  );
});

test('[W7] anything else is no cursor', () => {
  for (const text of [
    undefined,
    null,
    '',
    '42',
    ':42',
    'a:',
    'a:-1',
    'a:1.5',
    'a:1e3',
    'a b:1',
    'a:1:2',
    'ü:1',
  ]) {
    expect(parseCursor(text), String(text)).toBeUndefined();
  }
});
