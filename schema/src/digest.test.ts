import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addDigests, digestOf, digestOfAll, subtractDigests } from './digest.ts';
import { KEY_PATTERN } from './key.ts';

const versioned = fc.record({
  kind: fc.constantFrom('flag', 'segment', 'value'),
  key: fc.stringMatching(KEY_PATTERN),
  version: fc.nat(),
});

test('[W8] the digest of nothing is 0', () => {
  expect(digestOfAll([])).toBe(0);
});

test('[W8] the digest does not depend on the order of objects', () => {
  fc.assert(
    fc.property(fc.array(versioned), (objects) => {
      expect(digestOfAll([...objects].reverse())).toBe(digestOfAll(objects));
    }),
  );
});

test('[W8] taking an object out and putting it back gives the same digest', () => {
  fc.assert(
    fc.property(fc.array(versioned), versioned, (objects, extra) => {
      const digest = digestOfAll(objects);
      const withExtra = addDigests(digest, digestOf(extra));
      expect(withExtra).toBe(digestOfAll([...objects, extra]));
      expect(subtractDigests(withExtra, digestOf(extra))).toBe(digest);
    }),
  );
});

test('[W8] a new version changes the digest', () => {
  const object = { kind: 'flag', key: 'checkout-v2', version: 7 };
  expect(digestOf(object)).toBe(2_468_475_575);
  expect(digestOf({ ...object, version: 8 })).not.toBe(digestOf(object));
});
