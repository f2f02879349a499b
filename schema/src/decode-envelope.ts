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

/** Reads one object of a `put` or a snapshot. `undefined`: not even kind, key and version can be read. */
export type ObjectDecoder<Item> = (object: unknown) => Item | undefined;

/**
 * Reads one SSE event, whatever objects its stream carries. Unknown fields are kept and never looked at; unknown
 * events are ignored.
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
  const reader = event === 'put' ? putReader(decodeObject) : messageReaders.get(event);
  if (reader === undefined) return { outcome: 'ignored' };
  const fields = parseObject(data);
  if (fields === undefined) return malformed(`${event}: the data is not a JSON object`);
  const message = reader(fields);
  return message === undefined ? malformed(`${event}: a required field is missing`) : decoded(message);
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
  const items: Item[] = [];
  for (const object of objects) {
    const item = decodeObject(object);
    if (item === undefined) return malformed('snapshot: an object has no kind, key or version');
    items.push(item);
  }
  return decoded({ protocol, epoch, revision, digest, committedAt, objects: items });
}

/** Keeps of an object what the digest needs. */
export function opaque(kind: string, key: string, version: number, damage?: string): OpaqueObject {
  return { kind, key, version, ...(damage !== undefined && { damage }), opaque: true };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

type PlainMessage = Exclude<Message, { readonly type: 'put' }>;

const messageReaders: ReadonlyMap<string, (fields: Fields) => PlainMessage | undefined> = new Map([
  ['hello', readHello],
  ['delete', readDelete],
  ['commit', readCommit],
  ['heartbeat', readHeartbeat],
  ['goodbye', readGoodbye],
]);

function putReader<Item>(decodeObject: ObjectDecoder<Item>): (fields: Fields) => Message<Item> | undefined {
  return (fields) => {
    const object = decodeObject(fields);
    return object === undefined ? undefined : { type: 'put', object };
  };
}

function readHello(fields: Fields): PlainMessage | undefined {
  const { protocol, epoch, revision, mode, heartbeatMs, databaseAgeMs } = fields;
  if (!isCount(protocol) || typeof epoch !== 'string' || !isCount(revision) || !isCount(heartbeatMs)) {
    return undefined;
  }
  if (mode !== 'none' && mode !== 'delta' && mode !== 'full') return undefined;
  const age = typeof databaseAgeMs === 'number' ? { databaseAgeMs } : {};
  return { type: 'hello', protocol, epoch, revision, mode, heartbeatMs, ...age };
}

function readDelete({ kind, key, version }: Fields): PlainMessage | undefined {
  if (typeof kind !== 'string' || typeof key !== 'string' || !isCount(version)) return undefined;
  return { type: 'delete', kind, key, version };
}

function readCommit({ revision, digest, committedAt, kill }: Fields): PlainMessage | undefined {
  if (!isCount(revision) || !isCount(digest) || typeof committedAt !== 'string') return undefined;
  return { type: 'commit', revision, digest, committedAt, ...(kill === true && { kill }) };
}

function readHeartbeat({ revision, digest, databaseAgeMs }: Fields): PlainMessage | undefined {
  if (!isCount(revision) || !isCount(digest) || typeof databaseAgeMs !== 'number') return undefined;
  return { type: 'heartbeat', revision, digest, databaseAgeMs };
}

function readGoodbye({ reason, reconnectInMs }: Fields): PlainMessage | undefined {
  if (typeof reason !== 'string' || !isCount(reconnectInMs)) return undefined;
  return { type: 'goodbye', reason, reconnectInMs };
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
