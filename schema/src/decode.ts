import type { FlagDefinition, OpaqueObject, SegmentDefinition, WireObject } from './definition.ts';
import { FLAG_TYPES } from './definition.ts';
import type { Message, SnapshotDocument } from './message.ts';

/** What became of a piece of the stream. */
export type Decoded<T> =
  | { readonly outcome: 'decoded'; readonly value: T }
  /** An event that this build does not know: skipped (SPEC.md, W3). */
  | { readonly outcome: 'ignored' }
  /** A known event that breaks its contract: the reader drops the stream and resynchronises (W4). */
  | { readonly outcome: 'malformed'; readonly problem: string };

type Fields = { readonly [field: string]: unknown };

/**
 * Reads one SSE event. Unknown fields are kept and never looked at; unknown events are ignored.
 *
 * @param event - The SSE event name.
 * @param data - The SSE data: one JSON object.
 * @returns A tagged outcome; it never throws.
 * @example decodeMessage('commit', '{"revision":7,"digest":0,"committedAt":"2026-11-21T00:00:00Z"}')
 */
export function decodeMessage(event: string, data: string): Decoded<Message> {
  const reader = messageReaders.get(event);
  if (reader === undefined) return { outcome: 'ignored' };
  const fields = parseObject(data);
  if (fields === undefined) return malformed(`${event}: the data is not a JSON object`);
  const message = reader(fields);
  return message === undefined ? malformed(`${event}: a required field is missing`) : decoded(message);
}

/**
 * Reads the body of a snapshot, or a file that holds one.
 *
 * @param document - Parsed JSON of any shape.
 * @returns A tagged outcome; damaged flags inside a sound document are isolated as opaque objects (W6).
 */
export function decodeSnapshot(document: unknown): Decoded<SnapshotDocument> {
  if (!isFields(document)) return malformed('snapshot: not a JSON object');
  const { protocol, epoch, revision, digest, committedAt, objects } = document;
  if (
    !isCount(protocol) ||
    typeof epoch !== 'string' ||
    !isCount(revision) ||
    !isCount(digest) ||
    typeof committedAt !== 'string' ||
    !Array.isArray(objects)
  ) {
    return malformed('snapshot: a required field is missing');
  }
  const wireObjects: WireObject[] = [];
  for (const object of objects) {
    const wireObject = decodeObject(object);
    if (wireObject === undefined) return malformed('snapshot: an object has no kind, key or version');
    wireObjects.push(wireObject);
  }
  return decoded({ protocol, epoch, revision, digest, committedAt, objects: wireObjects });
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
  if (!isFields(object)) return undefined;
  const { kind, key, version } = object;
  if (typeof kind !== 'string' || typeof key !== 'string' || !isCount(version)) return undefined;
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
  return { kind, key, version, opaque: true };
}

/** Whether an object is a flag that can be compiled. */
export function isFlagDefinition(object: WireObject): object is FlagDefinition {
  return object.kind === 'flag' && !('opaque' in object);
}

/** Whether an object is a segment that can be compiled. */
export function isSegmentDefinition(object: WireObject): object is SegmentDefinition {
  return object.kind === 'segment' && !('opaque' in object);
}

const messageReaders: ReadonlyMap<string, (fields: Fields) => Message | undefined> = new Map([
  ['hello', readHello],
  ['put', readPut],
  ['delete', readDelete],
  ['commit', readCommit],
  ['heartbeat', readHeartbeat],
  ['goodbye', readGoodbye],
]);

function readHello({ protocol, epoch, revision, mode, heartbeatMs }: Fields): Message | undefined {
  if (!isCount(protocol) || typeof epoch !== 'string' || !isCount(revision) || !isCount(heartbeatMs)) {
    return undefined;
  }
  if (mode !== 'none' && mode !== 'delta' && mode !== 'full') return undefined;
  return { type: 'hello', protocol, epoch, revision, mode, heartbeatMs };
}

function readPut(fields: Fields): Message | undefined {
  const object = decodeObject(fields);
  return object === undefined ? undefined : { type: 'put', object };
}

function readDelete({ kind, key, version }: Fields): Message | undefined {
  if (typeof kind !== 'string' || typeof key !== 'string' || !isCount(version)) return undefined;
  return { type: 'delete', kind, key, version };
}

function readCommit({ revision, digest, committedAt, kill }: Fields): Message | undefined {
  if (!isCount(revision) || !isCount(digest) || typeof committedAt !== 'string') return undefined;
  return { type: 'commit', revision, digest, committedAt, ...(kill === true && { kill }) };
}

function readHeartbeat({ revision, digest, databaseAgeMs }: Fields): Message | undefined {
  if (!isCount(revision) || !isCount(digest) || typeof databaseAgeMs !== 'number') return undefined;
  return { type: 'heartbeat', revision, digest, databaseAgeMs };
}

function readGoodbye({ reason, reconnectInMs }: Fields): Message | undefined {
  if (typeof reason !== 'string' || !isCount(reconnectInMs)) return undefined;
  return { type: 'goodbye', reason, reconnectInMs };
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

function opaque(kind: string, key: string, version: number, damage: string): OpaqueObject {
  return { kind, key, version, damage, opaque: true };
}

function decoded<T>(value: T): Decoded<T> {
  return { outcome: 'decoded', value };
}

function malformed(problem: string): { readonly outcome: 'malformed'; readonly problem: string } {
  return { outcome: 'malformed', problem };
}

function parseObject(text: string): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isFields(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
