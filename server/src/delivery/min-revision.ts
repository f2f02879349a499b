import type { Context } from 'hono';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';

/** In a request to any server: the revision that its answer may not be older than. The query goes before the header. */
export const MIN_REVISION_HEADER = 'dimmer-min-revision';
const MIN_REVISION_QUERY = 'min-revision';

/**
 * The revision that an answer may not be older than: what whoever wrote through another server asks for.
 *
 * @returns 0 where nothing is asked for.
 */
export function minRevisionOf({ req }: Pick<Context, 'req'>): Result<number> {
  const inQuery = req.query(MIN_REVISION_QUERY);
  const given = inQuery ?? req.header(MIN_REVISION_HEADER) ?? '0';
  if (/^\d{1,15}$/.test(given)) return accepted(Number(given));
  const path = inQuery === undefined ? `header.${MIN_REVISION_HEADER}` : `query.${MIN_REVISION_QUERY}`;
  const message = 'must be a revision';
  const remedy = 'Give a whole number, as writes answer with.';
  return rejected({
    code: 'INVALID_REQUEST',
    detail: 'The least revision of the answer cannot be read.',
    issues: [{ path, rule: 'revision', message, remedy }],
  });
}
