import { murmur3Ascii, sortedJson } from '@dimmer/schema';

/**
 * Names a context, so that values can be told apart by whom they are for. It tells who belongs together, and
 * keeps no secret: a context that can be guessed can be found.
 *
 * @returns 16 hexadecimal digits: MurmurHash3 of the context's canonical JSON, percent-encoded, with two seeds.
 * @throws TypeError for a context that is no JSON: one that holds itself, or a bigint.
 * @example
 * const bootstrap = { ...snapshot, contextHash: contextHash({ targetingKey: 'user-1' }) };
 */
export function contextHash(context: object): string {
  const ascii = encodeURI(sortedJson(JSON.parse(JSON.stringify(context))));
  return [0, 1].map((seed) => murmur3Ascii(ascii, seed).toString(16).padStart(8, '0')).join('');
}
