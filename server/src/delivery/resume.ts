import type { Cursor, HelloMessage } from '@dimmer/schema';
import type { EnvironmentCopy } from './environment-copy.ts';

/**
 * How a reader at `cursor` is brought to `copy`. Every cursor has an answer, none is an error (SPEC.md,
 * D4): what cannot be continued is sent in full.
 *
 * @param cursor - `undefined`: none was given, or it could not be read.
 * @example modeOf(copy, undefined) // 'full'
 */
export function modeOf(copy: EnvironmentCopy, cursor: Cursor | undefined): HelloMessage['mode'] {
  if (cursor === undefined || cursor.epoch !== copy.epoch) return 'full';
  if (cursor.revision < copy.floor || cursor.revision > copy.revision) return 'full';
  return cursor.revision === copy.revision ? 'none' : 'delta';
}
