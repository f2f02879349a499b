import type { ChangeView } from '@dimmer/schema/rest';
import { localTime } from './local-time.ts';
import type { Column } from './table.ts';
import { cut, oneLine, tableLines } from './table.ts';

/** Keys of changed objects that a line names. */
const NAMED_MAX = 3;

/** Revisions of the history, one per line. */
export function historyLines(changes: readonly ChangeView[]): string[] {
  const rows = changes.map((change) => [
    String(change.revision),
    localTime(change.at),
    change.actor,
    change.action,
    objectsOf(change),
    change.reason ?? '-',
  ]);
  return tableLines(COLUMNS, rows);
}

/**
 * One change in one line.
 *
 * @example changeLine(change) // 'flag.kill of checkout-v2 by "ops": payments fail'
 */
export function changeLine(change: ChangeView, width: number): string {
  const reason = change.reason === null ? '' : `: ${change.reason}`;
  return cut(oneLine(`${change.action} of ${objectsOf(change)} by "${change.actor}"${reason}`), width);
}

const COLUMNS: readonly Column[] = [
  { title: 'REVISION', align: 'right', whole: true },
  { title: 'AT', whole: true },
  { title: 'BY' },
  { title: 'ACTION', whole: true },
  { title: 'CHANGED' },
  { title: 'REASON' },
];

function objectsOf({ objects }: Pick<ChangeView, 'objects'>): string {
  const names = objects.map(({ kind, key }) => (kind === 'flag' ? key : `${kind} ${key}`));
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${names.slice(0, NAMED_MAX).join(', ')} and ${more} more` : names.join(', ') || '-';
}
