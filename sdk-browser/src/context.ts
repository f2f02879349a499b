import { murmur3Ascii } from '@dimmer/schema';

/**
 * Names a context, so that values can be told apart by whom they are for. It tells who belongs together, and
 * keeps no secret: a context that can be guessed can be found.
 *
 * @returns 16 hexadecimal digits: MurmurHash3 of the context's JSON with sorted keys, with two seeds.
 * @throws TypeError for a context that is no JSON: one that holds itself, or a bigint.
 * @example
 * const bootstrap = { ...snapshot, contextHash: contextHash({ targetingKey: 'user-1' }) };
 */
export function contextHash(context: object): string {
  // JSON never holds half of a surrogate pair, so encodeURI has nothing to throw at.
  const ascii = encodeURI(canonicalJson(context));
  return hex(ascii, 0) + hex(ascii, 1);
}

/** Equal contexts give equal texts, in whatever order they were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}

function hex(ascii: string, seed: number): string {
  return murmur3Ascii(ascii, seed).toString(16).padStart(8, '0');
}
