import { murmur3Ascii } from '@dimmer/schema';
import * as fc from 'fast-check';
import murmurhash from 'murmurhash';
import { expect, test } from 'vitest';
import { hashText, hashUtf8 } from './hash.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const ascii = fc.string({ unit: 'binary-ascii', maxLength: 100 });
const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
});

/** Published values of MurmurHash3 x86 32 over UTF-8. */
const published: readonly (readonly [text: string, seed: number, hash: number])[] = [
  ['', 0, 0x00000000],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['abc', 0, 0xb3dd93fa],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['ü', 0, 0x7840e6aa],
  ['日本語', 0, 0xa5a47297],
  ['😀', 0, 0xbeb42efa],
];

for (const [text, seed, expected] of published) {
  test(`[E50] "${text}" with seed ${seed} hashes to ${expected.toString(16)}`, () => {
    expect(hashText(text, seed)).toBe(expected);
    expect(hashUtf8(text, seed)).toBe(expected);
  });
}

test('[E50] the package has the verification value that SMHasher publishes for MurmurHash3 x86 32', () => {
  expect(verificationOf((bytes, seed) => murmurhash.v3(bytes, seed))).toBe(0xb0f57ee3);
});

test('[E50] the ASCII path takes part in the verification value wherever a key is ASCII', () => {
  const mixed = (bytes: Uint8Array, seed: number): number =>
    bytes.every((byte) => byte < 0x80)
      ? murmur3Ascii(String.fromCharCode(...bytes), seed)
      : murmurhash.v3(bytes, seed);
  expect(verificationOf(mixed)).toBe(0xb0f57ee3);
});

test('[E50] both paths and the package agree on ASCII', () => {
  fc.assert(
    fc.property(ascii, seeds, (text, seed) => {
      const expected = murmurhash.v3(new TextEncoder().encode(text), seed);
      expect(murmur3Ascii(text, seed)).toBe(expected);
      expect(hashUtf8(text, seed)).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test('[E50] any text hashes like its UTF-8 bytes, whatever was hashed before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, seeds)), (texts) => {
      for (const [text, seed] of texts) {
        expect(hashText(text, seed)).toBe(murmurhash.v3(Buffer.from(text, 'utf8'), seed));
      }
    }),
  );
});

test('[E50] text longer than the reused buffer hashes like its UTF-8 bytes', () => {
  for (const length of [511, 512, 513, 5_000]) {
    const text = '日'.repeat(length);
    expect(hashText(text, 9), `${length} units`).toBe(murmurhash.v3(Buffer.from(text, 'utf8'), 9));
  }
});

test('[E50] a lone surrogate counts as U+FFFD', () => {
  expect(hashText('a\ud800b', 3)).toBe(hashText('a\ufffdb', 3));
  expect(hashText('\udc00', 3)).toBe(hashText('\ufffd', 3));
});

test('[E50] the composed and the decomposed form of a letter are different subjects', () => {
  expect(hashText('\u00fc', 0)).not.toBe(hashText('u\u0308', 0));
});

/** SMHasher's one number for a hash: it covers every length of tail. */
function verificationOf(hash: (bytes: Uint8Array, seed: number) => number): number {
  const results = new DataView(new ArrayBuffer(256 * 4));
  for (let length = 0; length < 256; length += 1) {
    const key = Uint8Array.from({ length }, (_, index) => index);
    results.setUint32(length * 4, hash(key, 256 - length), true);
  }
  return hash(new Uint8Array(results.buffer), 0);
}
