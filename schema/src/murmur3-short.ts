/**
 * The same hash in fewer bytes, for the bundle of the browser SDK, which puts this in place of `murmur3.ts`: half as
 * fast, for pages that hash hundreds of keys and no more.
 *
 * @param text - ASCII. Of other text the hash is another one than that of its UTF-8.
 * @param seed - Unsigned 32-bit seed.
 * @returns An unsigned 32-bit hash.
 * @example murmur3Ascii('Hello, world!', 0) // 0xc0363e43
 */
export function murmur3Ascii(text: string, seed: number): number {
  const { length } = text;
  let hash = seed;
  let block = 0;
  for (let index = 0; index < length; index += 1) {
    block |= text.charCodeAt(index) << (8 * index);
    if (index % 4 > 2) {
      hash ^= scramble(block);
      hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
      block = 0;
    }
  }
  hash ^= scramble(block) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Mixes one block; zero stays zero, so an empty tail needs no branch. */
function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
