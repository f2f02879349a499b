import type { Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import type { StreamMessage } from './event.ts';
import { objectKey } from './snapshot.ts';

/** What a model server holds: versions by `kind/key`. */
export type Model = ReadonlyMap<string, Versioned>;

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const kinds = fc.constantFrom('flag', 'segment');

/** One edit of a model: an object is put, or deleted. */
export interface ModelEdit {
  readonly kind: string;
  readonly key: string;
  readonly deleted: boolean;
}

export const arbitraryEdits: fc.Arbitrary<readonly ModelEdit[]> = fc.array(
  fc.record({ kind: kinds, key: keys, deleted: fc.boolean() }),
  { maxLength: 30 },
);

/** Messages of all kinds, sound and hostile, with revisions and digests that may or may not fit. */
export const arbitraryMessage: fc.Arbitrary<StreamMessage<Versioned>> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocol: fc.nat(3),
    epoch: fc.constantFrom('e1', 'e2'),
    revision: fc.nat(6),
    mode: fc.constantFrom('none' as const, 'delta' as const, 'full' as const),
    heartbeatMs: fc.constantFrom(0, 15_000, Number.MAX_SAFE_INTEGER),
  }),
  fc.record({
    type: fc.constant('put' as const),
    object: fc.record({ kind: kinds, key: keys, version: fc.nat(6) }),
  }),
  fc.record({ type: fc.constant('delete' as const), kind: kinds, key: keys, version: fc.nat(6) }),
  fc.record({
    type: fc.constant('commit' as const),
    revision: fc.nat(6),
    digest: fc.constantFrom(0, 1, digestOfAll([{ kind: 'flag', key: 'a', version: 1 }])),
    committedAt: fc.string(),
  }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    revision: fc.nat(6),
    digest: fc.constantFrom(0, 1),
    databaseAgeMs: fc.double(),
  }),
  fc.record({
    type: fc.constant('goodbye' as const),
    reason: fc.string(),
    reconnectInMs: fc.constantFrom(0, 500, Number.MAX_SAFE_INTEGER),
  }),
);

/** The model after an edit that makes this revision, with the message that tells of it. */
export function applyEdit(
  model: Model,
  { kind, key, deleted }: ModelEdit,
  revision: number,
): { readonly model: Model; readonly message: StreamMessage<Versioned> } {
  const next = new Map(model);
  const object = { kind, key, version: revision };
  if (deleted) next.delete(objectKey(object));
  else next.set(objectKey(object), object);
  return { model: next, message: deleted ? { type: 'delete', ...object } : { type: 'put', object } };
}
