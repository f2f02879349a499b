import type { InstanceView, ReceiptView } from '@dimmer/schema/rest';
import { count } from './count.ts';
import { formatDuration } from './duration.ts';
import { localTime } from './local-time.ts';
import type { Column } from './table.ts';
import { cut, LINE_WIDTH, oneLine, tableLines } from './table.ts';
import type { Paint } from './terminal.ts';

/** Stragglers that a progress line names. */
const NAMED_MAX = 3;

/** What a line ends in while it may change. */
export const PROGRESS_MARK = ' ...';

/**
 * Who has applied a revision, in one line.
 *
 * @example receiptSummary(receipt) // 'applied by 998 of 1,001, waiting for web-7 (node-3), web-9 and 1 more'
 */
export function receiptSummary(receipt: ReceiptView): string {
  const { instances, applied, complete } = receipt;
  if (instances === 0) return 'no running SDK is known to the server';
  const share = `applied by ${count(applied)} of ${count(instances)}`;
  if (complete) return share;
  return cut(`${share}, waiting for ${namesOf(receipt)}`, LINE_WIDTH - PROGRESS_MARK.length);
}

/** A receipt as people read it: the result, how fast, and who is left. */
export function receiptLines(receipt: ReceiptView, paint: Paint): string[] {
  const { revision, committedAt, instances, applied, complete, latency, oldServedUntil } = receipt;
  const head = `Revision ${revision}, committed ${localTime(committedAt)}.`;
  if (instances === 0) return [head, ...nobodyLines()];
  const share = `Applied by ${count(applied)} of ${count(instances)} instances.`;
  const speed =
    latency === null
      ? []
      : [
          `From commit to swap: p50 ${formatDuration(latency.p50Ms)}, p99 ${formatDuration(latency.p99Ms)}, slowest ${formatDuration(latency.maxMs)}.`,
        ];
  const proof =
    oldServedUntil === null ? [] : [`Nobody has served the old value since ${localTime(oldServedUntil)}.`];
  if (complete) return [head, paint('good', share), ...speed, ...proof];
  return [head, paint('bad', share), ...speed, '', 'Not applied yet:', ...stragglerLines(receipt)];
}

function nobodyLines(): string[] {
  return [
    'No running SDK is known to the server, so nobody can prove it.',
    'That is so where none runs, where all have reports turned off, and just after the server was started.',
  ];
}

function stragglerLines({ stragglers, stragglersOmitted, at }: ReceiptView): string[] {
  const rows = stragglers.map((one) => [
    one.id,
    one.host ?? '-',
    one.state ?? '-',
    one.revision === null ? '-' : String(one.revision),
    streamWord(one),
    heardAgo(one, Date.parse(at)),
  ]);
  const more = stragglersOmitted > 0 ? [`and ${count(stragglersOmitted)} more`] : [];
  return [...tableLines(STRAGGLER_COLUMNS, rows), ...more];
}

const STRAGGLER_COLUMNS: readonly Column[] = [
  { title: 'INSTANCE', whole: true },
  { title: 'HOST' },
  { title: 'STATE' },
  { title: 'AT', align: 'right' },
  { title: 'STREAM' },
  { title: 'HEARD' },
];

/** Whether the stream of an instance is open, in a word. */
export function streamWord({ connected }: Pick<InstanceView, 'connected'>): string {
  return connected ? 'open' : 'lost';
}

/** @param now - Milliseconds since the Unix epoch, on the server's clock. */
export function heardAgo({ heardAt }: Pick<InstanceView, 'heardAt'>, now: number): string {
  return heardAt === null ? 'never' : `${formatDuration(now - Date.parse(heardAt))} ago`;
}

function namesOf({ stragglers, stragglersOmitted }: ReceiptView): string {
  const named = stragglers
    .slice(0, NAMED_MAX)
    .map(({ id, host }) => oneLine(host === null ? id : `${id} (${host})`));
  const more = stragglers.length - named.length + stragglersOmitted;
  return more > 0 ? `${named.join(', ')} and ${count(more)} more` : named.join(', ');
}
