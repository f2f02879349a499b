import type { OpaqueObject } from './definition.ts';
import type { Message, SnapshotDocument } from './message.ts';

/** What became of a piece of the stream. */
export type Decoded<T> =
  | { readonly outcome: 'decoded'; readonly value: T }
  /** An event that this build does not know: skipped (SPEC.md, W3). */
  | { readonly outcome: 'ignored' }
  /** A known event that breaks its contract: the reader drops the stream and resynchronises (W4). */
  | { readonly outcome: 'malformed'; readonly problem: string };

/** A JSON object whose fields were not looked at yet. */
export type Fields = { readonly [field: string]: unknown };

/** Reads one object of a `put` or a snapshot, of which kind, key and version can be read. */
export type ObjectDecoder<Item> = (object: Fields) => Item;

/** The fields that a message, a document or an object has to have, each with what it has to be. */
type Shape = { readonly [field: string]: (value: unknown) => boolean };

/** What every object has. */
export const OBJECT: Shape = { kind: isText, key: isText, version: isCount };

const SNAPSHOT: Shape = {
  protocol: isCount,
  epoch: isText,
  revision: isCount,
  digest: isCount,
  committedAt: isText,
  objects: areObjects,
};

const MODES: readonly unknown[] = ['none', 'delta', 'full'];

const MESSAGES: ReadonlyMap<string, Shape> = new Map(
  Object.entries({
    hello: {
      protocol: isCount,
      epoch: isText,
      revision: isCount,
      mode: isMode,
      heartbeatMs: isCount,
      databaseAgeMs: isOptionalNumber,
    },
    put: OBJECT,
    delete: OBJECT,
    commit: { revision: isCount, digest: isCount, committedAt: isText },
    heartbeat: { revision: isCount, digest: isCount, databaseAgeMs: isNumber },
    goodbye: { reason: isText, reconnectInMs: isCount },
  }),
);

/**
 * Reads one SSE event, whatever objects its stream carries. Unknown fields are never looked at; unknown events are
 * ignored.
 *
 * @param decodeObject - Reads what a `put` stages.
 * @returns A tagged outcome; it never throws.
 * @example decodeMessageOf('put', data, decodeValue)
 */
export function decodeMessageOf<Item>(
  event: string,
  data: string,
  decodeObject: ObjectDecoder<Item>,
): Decoded<Message<Item>> {
  const shape = MESSAGES.get(event);
  if (shape === undefined) return { outcome: 'ignored' };
  const fields = parsed(data);
  if (!fits(fields, shape)) return malformed(event);
  const rest = event === 'put' ? { object: decodeObject(fields) } : fields;
  return decoded({ ...rest, type: event } as unknown as Message<Item>);
}

/**
 * Reads the body of a snapshot, whatever objects it holds.
 *
 * @param decodeObject - Reads each of them.
 * @returns A tagged outcome; it never throws.
 * @example decodeSnapshotOf(JSON.parse(body), decodeValue)
 */
export function decodeSnapshotOf<Item>(
  document: unknown,
  decodeObject: ObjectDecoder<Item>,
): Decoded<SnapshotDocument<Item>> {
  if (!fits(document, SNAPSHOT)) return malformed('snapshot');
  const objects = (document['objects'] as readonly Fields[]).map(decodeObject);
  return decoded({ ...document, objects } as unknown as SnapshotDocument<Item>);
}

/** Keeps of an object what the digest needs. */
export function opaque(kind: string, key: string, version: number, damage?: string): OpaqueObject {
  return { kind, key, version, ...(damage !== undefined && { damage }), opaque: true };
}

/** Whether something has at least these fields. */
export function fits(value: unknown, shape: Shape): value is Fields {
  const fields = value as Fields | null | undefined;
  return Object.entries(shape).every(([field, isSound]) => isSound(fields?.[field]));
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether all of a list can be counted by the digest. */
function areObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((object) => fits(object, OBJECT));
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isOptionalNumber(value: unknown): boolean {
  return value === undefined || isNumber(value);
}

function isMode(value: unknown): boolean {
  return MODES.includes(value);
}

function decoded<T>(value: T): Decoded<T> {
  return { outcome: 'decoded', value };
}

function malformed(what: string): { readonly outcome: 'malformed'; readonly problem: string } {
  return { outcome: 'malformed', problem: `${what} cannot be read` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
