import { NOT_ASCII } from './not-ascii.ts';

/**
 * MurmurHash3 x86 32-bit of an ASCII string, without touching a buffer.
 *
 * On ASCII, UTF-16 code units and UTF-8 bytes are the same numbers, so the string itself can be walked: no
 * encoding, no allocation. Other text has to be encoded to UTF-8 first and is refused here.
 *
 * @param text - What to hash.
 * @param seed - Unsigned 32-bit seed.
 * @returns An unsigned 32-bit hash, or {@link NOT_ASCII}.
 * @see https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 * @example murmur3Ascii('Hello, world!', 0) // 0xc0363e43
 */
export function murmur3Ascii(text: string, seed: number): number {
  const length = text.length;
  const bodyEnd = length & ~3;
  let hash = seed | 0;
  let seen = 0;
  let index = 0;

  for (; index < bodyEnd; index += 4) {
    const a = text.charCodeAt(index);
    const b = text.charCodeAt(index + 1);
    const c = text.charCodeAt(index + 2);
    const d = text.charCodeAt(index + 3);
    seen |= a | b | c | d;
    hash ^= scramble(a | (b << 8) | (c << 16) | (d << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }

  let tail = 0;
  for (let shift = 0; index < length; index += 1, shift += 8) {
    const code = text.charCodeAt(index);
    seen |= code;
    tail |= code << shift;
  }
  if (seen > 0x7f) return NOT_ASCII;

  hash ^= scramble(tail);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Mixes one block; zero stays zero, so an empty tail needs no branch. */
function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
