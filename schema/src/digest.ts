import { murmur3Ascii } from './murmur3.ts';

/** What the digest reads of an object. */
export interface Versioned {
  readonly kind: string;
  readonly key: string;
  readonly version: number;
}

/**
 * One object's share of a digest. Kinds and keys are ASCII by rule, so is the text that is hashed.
 *
 * @example digestOf({ kind: 'flag', key: 'checkout-v2', version: 7 }) // murmur3('flag/checkout-v2@7')
 */
export function digestOf(object: Versioned): number {
  return murmur3Ascii(`${object.kind}/${object.key}@${object.version}`, 0) >>> 0;
}

/**
 * The digest of a snapshot: the sum modulo 2^32 over its objects, so that a change costs O(1) and the order
 * of objects does not matter.
 *
 * @example digestOfAll([]) // 0
 */
export function digestOfAll(objects: Iterable<Versioned>): number {
  let digest = 0;
  for (const object of objects) digest = addDigests(digest, digestOf(object));
  return digest;
}

/** Sum modulo 2^32. */
export function addDigests(left: number, right: number): number {
  return (left + right) >>> 0;
}

/** Difference modulo 2^32: takes an object's share out of a digest. */
export function subtractDigests(left: number, right: number): number {
  return (left - right) >>> 0;
}
