import { murmur3Ascii } from './murmur3.ts';
import type { FlagValue } from './value.ts';

/**
 * The version of a value: MurmurHash3 x86 32, seed 0, of its JSON without `version` and without spaces, its fields
 * in the order of {@link FlagValue}, every UTF-16 code unit that is not ASCII written as `\uxxxx` in lower case.
 *
 * An edit that leaves the answer as it was leaves the version as it was, and no history of a context is kept.
 *
 * @returns An unsigned 32-bit number.
 * @example versionOfValue({ kind: 'value', key: 'a', type: 'boolean', value: true, variation: 'on', reason: 'FALLTHROUGH' })
 */
export function versionOfValue(content: Omit<FlagValue, 'version'>): number {
  const { kind, key, type, value, variation, reason, isStatic, errorCode, metadata } = content;
  const json = JSON.stringify({ kind, key, type, value, variation, reason, isStatic, errorCode, metadata });
  return murmur3Ascii(json.replace(BEYOND_ASCII, escapeUnit), 0);
}

/** By code unit, not by character: an escape stands for one unit. */
const BEYOND_ASCII = /[\u0080-\uffff]/g;

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
