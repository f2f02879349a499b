import type { RefusedUpdate, Snapshot } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import type { TableChange } from './flag-table.ts';

/**
 * The first flag or segment that came damaged with a snapshot: each costs its own update, and no other.
 *
 * @param before - What was served until now: what is damaged in it was told of then.
 * @returns `undefined` where all are sound.
 */
export function damageIn(
  { epoch, revision, objects }: Snapshot<WireObject>,
  before: Snapshot<WireObject> | undefined,
): RefusedUpdate | undefined {
  for (const [name, object] of objects) {
    if (!('opaque' in object) || object.damage === undefined) continue;
    if (before?.objects.get(name) === object) continue;
    const message = `${object.kind} ${object.key} came damaged: ${object.damage}`;
    return { code: 'DAMAGED', message, epoch, revision };
  }
  return undefined;
}

/**
 * The first of the changed flags that cannot be compiled.
 *
 * @returns `undefined` where all can be.
 */
export function defectIn(
  { epoch, revision }: Snapshot<WireObject>,
  { keys, after }: TableChange,
): RefusedUpdate | undefined {
  for (const key of keys) {
    const detail = after.flags.get(key)?.defect?.detail;
    if (detail !== undefined)
      return { code: 'DEFECTIVE', message: `flag ${key}: ${detail}`, epoch, revision };
  }
  return undefined;
}
