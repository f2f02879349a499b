import type { Decoded, Fields } from './decode-envelope.ts';
import { decodeMessageOf, decodeSnapshotOf, fits, isText, OBJECT } from './decode-envelope.ts';
import { FLAG_TYPES } from './definition.ts';
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
  return decodeMessageOf(event, data, asValue);
}

/**
 * Reads a snapshot of values, or what was kept of one.
 *
 * @param document - Parsed JSON of any shape.
 * @returns A tagged outcome; it never throws. Damaged values are kept inside a sound document.
 * @example decodeValueSnapshot(await response.json())
 */
export function decodeValueSnapshot(document: unknown): Decoded<ValueSnapshot> {
  return decodeSnapshotOf(document, asValue);
}

/**
 * Reads one value. A damaged one is kept as it is, and so is an object of a kind that this build does not know: the
 * others live on, the digest still counts it, and {@link isFlagValue} tells (SPEC.md, W17).
 *
 * @returns `undefined` when not even kind, key and version can be read.
 * @example decodeValue(JSON.parse(text))
 */
export function decodeValue(object: unknown): ValueObject | undefined {
  return fits(object, OBJECT) ? asValue(object) : undefined;
}

function asValue(object: Fields): ValueObject {
  return object as unknown as ValueObject;
}

/** Whether an object is a value that can be served. */
export function isFlagValue(object: ValueObject): object is FlagValue {
  const { kind, type, value, variation, reason } = object as unknown as Fields;
  return (
    kind === 'value' &&
    (FLAG_TYPES as readonly unknown[]).includes(type) &&
    (value === undefined || type === 'json' || typeof value === type) &&
    (variation === null || isText(variation)) &&
    isText(reason)
  );
}
