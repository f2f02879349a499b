import type { WireObject } from '@dimmer/schema';
import type { EnvironmentCopy } from './environment-copy.ts';

/** How much an environment holds, to be held against its limits. */
export interface CopySize {
  readonly flags: number;
  readonly segments: number;
  /** Of all definitions, as JSON in UTF-8. */
  readonly bytes: number;
}

/**
 * Measures copies of one environment. An object that stays is measured once, whatever the number of copies.
 *
 * @example const sizeOf = copySizer(); sizeOf(copy).flags
 */
export function copySizer(): (copy: EnvironmentCopy) => CopySize {
  const measured = new WeakMap<WireObject, number>();
  const bytesOf = (object: WireObject): number => {
    const known = measured.get(object);
    if (known !== undefined) return known;
    const bytes = Buffer.byteLength(JSON.stringify(object));
    measured.set(object, bytes);
    return bytes;
  };
  return ({ objects }) => {
    let [flags, segments, bytes] = [0, 0, 0];
    for (const object of objects.values()) {
      if (object.kind === 'flag') flags += 1;
      else if (object.kind === 'segment') segments += 1;
      bytes += bytesOf(object);
    }
    return { flags, segments, bytes };
  };
}
