import type { InstanceView } from '@dimmer/schema/rest';
import { count } from './count.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { readPages } from './read-pages.ts';
import { headRevision } from './receipt.ts';
import { heardAgo, streamWord } from './receipt-lines.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer, placeOf } from './session.ts';
import type { Column } from './table.ts';
import { tableLines } from './table.ts';

/** Shows every running SDK. */
export async function instances(session: Session): Promise<ExitCode> {
  const { api, settings, clock, isJson } = session;
  const items = await readPages<InstanceView>(api, `${environmentPath(settings)}/instances`);
  const head = isJson ? 0 : await headRevision(session);
  answer(session, { items }, () => instanceLines(items, head, clock.now(), placeOf(settings)));
  return EXIT.done;
}

/**
 * @param head - The revision of the environment.
 * @param now - Milliseconds since the Unix epoch.
 * @param place - `default/production`.
 */
function instanceLines(items: readonly InstanceView[], head: number, now: number, place: string): string[] {
  if (items.length === 0) {
    return [`No running SDK is known in ${place}. SDKs report within a second of going live.`];
  }
  const current = items.filter(({ revision }) => revision === head).length;
  const rows = items.map((one) => [
    one.id,
    one.host ?? '-',
    one.application.name ?? '-',
    one.application.build ?? '-',
    one.state ?? '-',
    one.mode ?? '-',
    one.revision === null ? '-' : String(one.revision),
    streamWord(one),
    heardAgo(one, now),
    refusalOf(one),
  ]);
  return [
    `${count(items.length)} instances in ${place}, ${count(current)} of them at revision ${head}.`,
    '',
    ...tableLines(COLUMNS, rows),
  ];
}

const COLUMNS: readonly Column[] = [
  { title: 'INSTANCE', whole: true },
  { title: 'HOST' },
  { title: 'APPLICATION' },
  { title: 'BUILD' },
  { title: 'STATE' },
  { title: 'MODE' },
  { title: 'AT', align: 'right' },
  { title: 'STREAM' },
  { title: 'HEARD' },
  { title: 'REFUSED' },
];

/** Why it is still where it is: what it refused last and has not got over. */
function refusalOf({ problems, epoch, revision }: InstanceView): string {
  const last = problems.findLast((problem) => problem.epoch === epoch && problem.from === revision);
  if (last === undefined) return '-';
  return last.revision === null ? last.code : `${last.code} ${last.revision}`;
}
