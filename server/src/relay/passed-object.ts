import type { Fields, OpaqueObject, WireObject } from '@dimmer/schema';
import { wireObjectOf } from '@dimmer/schema';

/**
 * An object that this build cannot read, as it came: an SDK behind the relay may be newer. It is sent on whole, and
 * counts in digests, while whoever evaluates here passes it over.
 */
class PassedObject implements OpaqueObject {
  readonly opaque = true;
  readonly kind: string;
  readonly key: string;
  readonly version: number;
  readonly #whole: unknown;

  constructor({ kind, key, version }: WireObject, whole: unknown) {
    this.kind = kind;
    this.key = key;
    this.version = version;
    this.#whole = whole;
  }

  toJSON(): unknown {
    return this.#whole;
  }
}

/** Reads one object of a snapshot or a `put`, of which kind, key and version can be read, so that its JSON stays what it was. */
export function decodePassed(object: Fields): WireObject {
  const decoded = wireObjectOf(object);
  return 'opaque' in decoded ? new PassedObject(decoded, object) : decoded;
}
