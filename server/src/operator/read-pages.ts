import type { RestClient } from './rest-client.ts';

/** Items of a page; the most that the API gives. */
const PAGE_LIMIT = 500;

interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/**
 * Every item of a list, page after page.
 *
 * @param query - Of every page, beside its limit and cursor.
 * @example await readPages<ProjectView>(api, 'api/v1/projects')
 */
export async function readPages<T>(
  api: RestClient,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const parameters = { ...query, limit: String(PAGE_LIMIT), ...(cursor !== undefined && { cursor }) };
    const page: Page<T> = await api.get(`${path}?${new URLSearchParams(parameters)}`);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}
