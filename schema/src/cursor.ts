import type { Cursor } from './message.ts';

/** @example formatCursor({ epoch: 'k3v9', revision: 42 }) // 'k3v9:42' */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}:${cursor.revision}`;
}

/**
 * Reads `epoch:revision`. Anything else is no cursor, which a server answers with a full snapshot.
 *
 * @example parseCursor('k3v9:42') // { epoch: 'k3v9', revision: 42 }
 * @example parseCursor('42') // undefined
 */
export function parseCursor(text: string | null | undefined): Cursor | undefined {
  const match = /^([A-Za-z0-9]{1,64}):(\d{1,15})$/.exec(text ?? '');
  const [, epoch, revision] = match ?? [];
  if (epoch === undefined || revision === undefined) return undefined;
  return { epoch, revision: Number(revision) };
}
