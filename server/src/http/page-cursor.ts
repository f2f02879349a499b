import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';

/**
 * Makes the opaque cursor of a page out of the last thing on it.
 *
 * @example pageCursorOf('checkout-v2') // 'ImNoZWNrb3V0LXYyIg'
 */
export function pageCursorOf(position: string | number): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Reads a cursor whose position is a text. */
export function textPosition(cursor: string | undefined): Result<string | undefined> {
  if (cursor === undefined) return accepted(undefined);
  const position = positionOf(cursor);
  return typeof position === 'string' ? accepted(position) : unreadable();
}

/** Reads a cursor whose position is a whole number. */
export function numberPosition(cursor: string | undefined): Result<number | undefined> {
  if (cursor === undefined) return accepted(undefined);
  const position = positionOf(cursor);
  return typeof position === 'number' && Number.isSafeInteger(position) ? accepted(position) : unreadable();
}

/**
 * Cuts a page out of a list that is sorted by a text.
 *
 * @param after - Where the page before ended.
 */
export function pageOfSorted<T>(
  items: readonly T[],
  page: { readonly after: string | undefined; readonly limit: number },
  nameOf: (item: T) => string,
): { items: T[]; next?: string } {
  const { after, limit } = page;
  const rest = after === undefined ? [...items] : items.filter((item) => nameOf(item) > after);
  return cutPage(rest, limit, nameOf);
}

/** Keeps `limit` of the items that were found, and says where to go on if there were more. */
export function cutPage<T>(
  found: readonly T[],
  limit: number,
  positionOfItem: (item: T) => string | number,
): { items: T[]; next?: string } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items };
  return { items, next: pageCursorOf(positionOfItem(last)) };
}

function positionOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function unreadable(): Result<never> {
  return rejected({
    code: 'INVALID_REQUEST',
    detail: 'The cursor is not one of this list.',
    issues: [
      {
        path: 'query.cursor',
        rule: 'cursor',
        message: 'is not a cursor of this list',
        remedy: 'Use `next` of the page before, or leave it out.',
      },
    ],
  });
}
