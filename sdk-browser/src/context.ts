import { canonicalJson, murmur3Ascii } from '@dimmer/schema';

/**
 * Names a context, so that values can be told apart by whom they are for. It tells who belongs together, and
 * keeps no secret: a context that can be guessed can be found.
 *
 * @returns 16 hexadecimal digits: MurmurHash3 of the context's canonical JSON, percent-encoded, with two seeds.
 * @throws TypeError for a context that is no JSON: one that holds itself, a bigint, or half of a character.
 * @example
 * const bootstrap = { ...snapshot, contextHash: contextHash({ targetingKey: 'user-1' }) };
 */
export function contextHash(context: object): string {
  const text = canonicalJson(JSON.parse(JSON.stringify(context)));
  if (text === undefined) throw new TypeError('half of a surrogate pair');
  const ascii = encodeURI(text);
  return hex(ascii, 0) + hex(ascii, 1);
}

function hex(ascii: string, seed: number): string {
  return murmur3Ascii(ascii, seed).toString(16).padStart(8, '0');
}
