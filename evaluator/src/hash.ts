import { murmur3Ascii, NOT_ASCII } from '@dimmer/schema';
import murmurhash from 'murmurhash';

/**
 * MurmurHash3 x86 32-bit of a text's UTF-8 bytes. A lone surrogate counts as U+FFFD; nothing is normalised,
 * so the composed and the decomposed form of a letter are different texts.
 *
 * @param text - What to hash.
 * @param seed - Unsigned 32-bit seed.
 * @returns An unsigned 32-bit hash.
 * @see https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 * @example hashText('日本語', 0) // 0xa5a47297
 */
export function hashText(text: string, seed: number): number {
  const hash = murmur3Ascii(text, seed);
  // The shift changes nothing but tells the engine that both branches are 32-bit integers: no box is made.
  return hash === NOT_ASCII ? hashUtf8(text, seed) >>> 0 : hash;
}

/** The way for any text: encodes into one reused buffer, so that hashing leaves no garbage. */
export const hashUtf8: (text: string, seed: number) => number = createUtf8Hasher(512);

/**
 * A UTF-16 unit takes at most three bytes. The package hashes all of an array, so every length that occurs
 * gets a view of the buffer once; text beyond `unitsMax` is rare and is encoded into an array of its own.
 */
function createUtf8Hasher(unitsMax: number): (text: string, seed: number) => number {
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(unitsMax * 3);
  const views: (Uint8Array | undefined)[] = new Array(bytes.length + 1).fill(undefined);
  return (text, seed) => {
    if (text.length > unitsMax) return murmurhash.v3(encoder.encode(text), seed);
    const { written } = encoder.encodeInto(text, bytes);
    const view = views[written] ?? bytes.subarray(0, written);
    views[written] = view;
    return murmurhash.v3(view, seed);
  };
}
