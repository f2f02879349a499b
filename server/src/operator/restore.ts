import type { ConfigurationView } from '@dimmer/schema/rest';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import type { WriteWords } from './rest-client.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';

/** What `dimmer restore` was asked. */
export interface RestoreInput {
  readonly flag: string;
  readonly reason: string;
}

/** What is said of a restore that got no answer. */
export const RESTORE_WORDS: WriteWords = {
  what: 'the restore',
  next: ['Run the same command again: a restore may be sent any number of times.'],
};

/** Lifts the kill of a flag. One that is not killed stays as it is. */
export async function restore(session: Session, { flag, reason }: RestoreInput): Promise<ExitCode> {
  const { api, settings } = session;
  const path = `${environmentPath(settings)}/flags/${encodeURIComponent(flag)}/restore`;
  const view = await api.post<ConfigurationView>(path, { reason }, RESTORE_WORDS);
  answer(session, view, () => restoredLines(view, placeOf(settings)));
  return EXIT.done;
}

/** @param place - `default/production`. */
function restoredLines(view: ConfigurationView, place: string): string[] {
  const { flag, version, enabled, offVariation } = view;
  const effect = enabled
    ? 'Its configuration counts again, as it was.'
    : `It is not enabled, and serves ${offVariation ?? "the code's fallback"} all the same.`;
  return [
    `${flag} in ${place} is not killed; it last changed in revision ${version}.`,
    effect,
    `Who has applied it: dimmer receipt ${version} --wait`,
  ];
}
