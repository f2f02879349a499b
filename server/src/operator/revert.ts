import type { CommitView } from '@dimmer/schema/rest';
import { countOf } from './count.ts';
import { differenceLines } from './difference-lines.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { localTime } from './local-time.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';

/** What `dimmer revert` was asked. */
export interface RevertInput {
  /** A revision, or a time in ISO 8601. */
  readonly to: number | string;
  /** Left out: every flag, and the segments. */
  readonly flags?: readonly string[] | undefined;
  readonly dryRun: boolean;
  readonly includeKills: boolean;
  readonly reason?: string | undefined;
}

/** Brings the environment, or some flags, back to what it was; with `dryRun`, shows what that would change. */
export async function revert(session: Session, input: RevertInput): Promise<ExitCode> {
  const { api, settings } = session;
  const made = await api.post<CommitView>(`${environmentPath(settings)}/revert`, input, {
    what: 'the revert',
    next: ['See what counts now: dimmer history --limit 3. A revert to the same point may be sent again.'],
  });
  answer(session, made, () => revertedLines(made, input, placeOf(settings)));
  return EXIT.done;
}

/** @param place - `default/production`. */
function revertedLines(
  { revision, changed, dryRun, objects, warnings }: CommitView,
  input: RevertInput,
  place: string,
): string[] {
  const point = typeof input.to === 'number' ? `revision ${input.to}` : localTime(input.to);
  const cautions = warnings.map(({ flag, message }) => `Warning: ${flag}: ${message}`);
  if (objects.length === 0 && (dryRun || !changed)) {
    return [`${place} is as it was at ${point}: nothing to revert.`, ...cautions];
  }
  const what = countOf(objects.length, 'object');
  const head = dryRun
    ? `Reverting ${place} to ${point} would change ${what}. Nothing was written.`
    : `Reverted ${place} to ${point}: ${what} changed, revision ${revision}.`;
  const next = dryRun
    ? ['To do it, leave --dry-run out and give a --reason.']
    : [`Who has applied it: dimmer receipt ${revision} --wait`];
  return [head, '', ...differenceLines(objects), ...cautions, '', ...next];
}
