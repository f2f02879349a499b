import type { Decoded, Fields } from './decode-envelope.ts';
import { decodeMessageOf, decodeSnapshotOf, fits, isFields, OBJECT, opaque } from './decode-envelope.ts';
import type { FlagDefinition, SegmentDefinition, WireObject } from './definition.ts';
import { FLAG_TYPES } from './definition.ts';
import type { Versioned } from './digest.ts';
import type { Message, SnapshotDocument } from './message.ts';

/**
 * Reads one SSE event. Unknown fields are kept and never looked at; unknown events are ignored.
 *
 * @param event - The SSE event name.
 * @param data - The SSE data: one JSON object.
 * @returns A tagged outcome; it never throws.
 * @example decodeMessage('commit', '{"revision":7,"digest":0,"committedAt":"2026-11-21T00:00:00Z"}')
 */
export function decodeMessage(event: string, data: string): Decoded<Message> {
  return decodeMessageOf(event, data, wireObjectOf);
}

/**
 * Reads the body of a snapshot, or a file that holds one.
 *
 * @param document - Parsed JSON of any shape.
 * @returns A tagged outcome; damaged flags inside a sound document are isolated as opaque objects (W6).
 */
export function decodeSnapshot(document: unknown): Decoded<SnapshotDocument> {
  return decodeSnapshotOf(document, wireObjectOf);
}

/**
 * Reads one object of a snapshot or a `put`.
 *
 * A flag or segment whose body cannot be relied on, and an object of a kind that this build does not know,
 * become an {@link OpaqueObject}: the others live on, and the digest still counts it.
 *
 * @returns `undefined` when not even kind, key and version can be read.
 */
export function decodeObject(object: unknown): WireObject | undefined {
  return fits(object, OBJECT) ? wireObjectOf(object) : undefined;
}

/** The same for an object of which kind, key and version can be read. */
export function wireObjectOf(object: Fields): WireObject {
  const { kind, key, version } = object as unknown as Versioned;
  if (kind === 'flag') {
    const damage = damageOfFlag(object);
    return damage === undefined ? (object as unknown as FlagDefinition) : opaque(kind, key, version, damage);
  }
  if (kind === 'segment') {
    const damage = damageOfSegment(object);
    return damage === undefined
      ? (object as unknown as SegmentDefinition)
      : opaque(kind, key, version, damage);
  }
  return opaque(kind, key, version);
}

/** Whether an object is a flag that can be compiled. */
export function isFlagDefinition(object: WireObject): object is FlagDefinition {
  return object.kind === 'flag' && !('opaque' in object);
}

/** Whether an object is a segment that can be compiled. */
export function isSegmentDefinition(object: WireObject): object is SegmentDefinition {
  return object.kind === 'segment' && !('opaque' in object);
}

/** Only what is needed to serve the off variation is insisted on; compiling judges the rest by itself. */
function damageOfFlag(flag: Fields): string | undefined {
  const { type, variations, enabled, offVariation, prerequisites, targets, rules, fallthrough } = flag;
  if (!FLAG_TYPES.some((known) => known === type)) return 'type is not a known flag type';
  if (!isFields(variations)) return 'variations is not an object';
  if (!Object.values(variations).every((variation) => isFields(variation) && 'value' in variation)) {
    return 'a variation has no value';
  }
  if (typeof enabled !== 'boolean') return 'enabled is not a boolean';
  if (offVariation !== null && typeof offVariation !== 'string') return 'offVariation is not a name or null';
  if (offVariation !== null && !Object.hasOwn(variations, offVariation))
    return 'offVariation is not a variation';
  if (![prerequisites, targets, rules].every(Array.isArray))
    return 'prerequisites, targets or rules is not a list';
  return isFields(fallthrough) ? undefined : 'fallthrough is not an object';
}

function damageOfSegment({ by, included, excluded, when }: Fields): string | undefined {
  if (typeof by !== 'string') return 'by is not an attribute';
  if (!Array.isArray(included) || !Array.isArray(excluded)) return 'included or excluded is not a list';
  return when === null || isFields(when) ? undefined : 'when is not a condition or null';
}
