import type { EnvironmentView } from '@dimmer/schema/rest';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';

/** Has every SDK take the environment anew: after commits were lost that SDKs had read. */
export async function renewEpoch(session: Session, reason: string): Promise<ExitCode> {
  const { api, settings } = session;
  const view = await api.post<EnvironmentView>(
    `${environmentPath(settings)}/renew-epoch`,
    { reason },
    {
      what: 'the new epoch',
      next: [
        'Run the same command again: it may be sent any number of times, and every SDK reads all of it again.',
      ],
    },
  );
  answer(session, view, () => renewedLines(view, placeOf(settings)));
  return EXIT.done;
}

/** @param place - `default/production`. */
function renewedLines({ epoch, revision }: EnvironmentView, place: string): string[] {
  return [
    `${place} goes on in epoch ${epoch}, at revision ${revision}.`,
    'Every SDK takes all of it anew, and serves what the database has.',
    `Who has applied it: dimmer receipt ${revision} --wait`,
  ];
}
