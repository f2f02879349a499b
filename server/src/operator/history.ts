import type { ChangeView } from '@dimmer/schema/rest';
import { historyLines } from './change-lines.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';

/** Revisions that are shown where no other number is asked for, and the most that may be. */
export const HISTORY_LIMIT = 20;
export const HISTORY_LIMIT_MAX = 500;

/** What `dimmer history` was asked. */
export interface HistoryInput {
  readonly flag?: string | undefined;
  readonly limit?: number | undefined;
}

/** Shows what changed, newest first. */
export async function history(session: Session, input: HistoryInput): Promise<ExitCode> {
  const { api, settings } = session;
  const page = await api.get<{ readonly items: readonly ChangeView[]; readonly next?: string }>(
    historyPath(environmentPath(settings), input),
  );
  answer(session, page, () =>
    page.items.length === 0
      ? [nothingLine(placeOf(settings), input.flag)]
      : [...historyLines(page.items), ...(page.next === undefined ? [] : ['There is more: --limit'])],
  );
  return EXIT.done;
}

/** A slip in the name looks like a flag that nobody has changed. */
function nothingLine(place: string, flag: string | undefined): string {
  if (flag === undefined) return `Nothing has changed in ${place} as far as the history reaches.`;
  return `No change of a flag "${flag}" in ${place} as far as the history reaches. Is there such a flag? dimmer status ${flag}`;
}

/** @param environment - The path of the environment. */
export function historyPath(environment: string, { flag, limit = HISTORY_LIMIT }: HistoryInput): string {
  const query = new URLSearchParams({ limit: String(limit), ...(flag !== undefined && { flag }) });
  return `${environment}/revisions?${query}`;
}
