import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur3Ascii } from './murmur3.ts';
import { murmur3Ascii as murmur3Short } from './murmur3-short.ts';
import { NOT_ASCII } from './not-ascii.ts';

/** Published values of MurmurHash3 x86 32. */
const published: readonly (readonly [text: string, seed: number, hash: number])[] = [
  ['', 0, 0x00000000],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['abc', 0, 0xb3dd93fa],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
];

for (const [text, seed, hash] of published) {
  test(`[W8] "${text}" with seed ${seed} hashes to ${hash.toString(16)}`, () => {
    expect(murmur3Ascii(text, seed)).toBe(hash);
  });
}

test('[W8] text that is not ASCII is refused wherever it stands', () => {
  for (const text of ['ü', 'abcü', 'abcdeü', 'aüb', '日本語', '\ud800', 'abcd\udc00']) {
    expect(murmur3Ascii(text, 0), text).toBe(NOT_ASCII);
  }
});

test('[W8] the short form hashes as the long one does', () => {
  for (const [text, seed, hash] of published) expect(murmur3Short(text, seed), text).toBe(hash);
  const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 200 });
  fc.assert(
    fc.property(ascii, fc.integer({ min: 0, max: 0xffffffff }), (text, seed) => {
      expect(murmur3Short(text, seed)).toBe(murmur3Ascii(text, seed));
    }),
  );
});
