import type { Decoded, Fields } from './decode-envelope.ts';
import { decodeMessageOf, decodeSnapshotOf, isCount, isFields, opaque } from './decode-envelope.ts';
import type { FlagValue, ValueMessage, ValueObject, ValueSnapshot } from './value.ts';

/**
 * Reads one SSE event of a stream of values.
 *
 * @param event - The SSE event name.
 * @param data - The SSE data: one JSON object.
 * @returns A tagged outcome; it never throws.
 * @example decodeValueMessage('delete', '{"kind":"value","key":"checkout-v2","version":17}')
 */
export function decodeValueMessage(event: string, data: string): Decoded<ValueMessage> {
  return decodeMessageOf(event, data, decodeValue);
}

/**
 * Reads a snapshot of values, or what was kept of one.
 *
 * @param document - Parsed JSON of any shape.
 * @returns A tagged outcome; it never throws. Damaged values inside a sound document become opaque objects.
 * @example decodeValueSnapshot(await response.json())
 */
export function decodeValueSnapshot(document: unknown): Decoded<ValueSnapshot> {
  return decodeSnapshotOf(document, decodeValue);
}

/**
 * Reads one value. A damaged one, and an object of a kind that this build does not know, become an
 * `OpaqueObject`: the others live on, and the digest still counts it (SPEC.md, W17).
 *
 * @returns `undefined` when not even kind, key and version can be read.
 * @example decodeValue(JSON.parse(text))
 */
export function decodeValue(object: unknown): ValueObject | undefined {
  if (!isFields(object)) return undefined;
  const { kind, key, version } = object;
  if (typeof kind !== 'string' || typeof key !== 'string' || !isCount(version)) return undefined;
  if (kind !== 'value') return opaque(kind, key, version);
  const damage = damageOfValue(object);
  return damage === undefined ? (object as unknown as FlagValue) : opaque(kind, key, version, damage);
}

/** Whether an object is a value that can be served. */
export function isFlagValue(object: ValueObject): object is FlagValue {
  return object.kind === 'value' && !('opaque' in object);
}

function damageOfValue({ type, value, variation, reason }: Fields): string | undefined {
  if (type !== 'json' && type !== 'boolean' && type !== 'string' && type !== 'number') {
    return 'type is not a known flag type';
  }
  if (value !== undefined && type !== 'json' && typeof value !== type) return 'value is not of the type';
  if (variation !== null && typeof variation !== 'string') return 'variation is not a name or null';
  return typeof reason === 'string' ? undefined : 'reason is not a word';
}
