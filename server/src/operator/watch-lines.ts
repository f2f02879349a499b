import { parseCursor } from '@dimmer/schema';
import { changeLine } from './change-lines.ts';
import type { ReceivedEvent } from './live-stream.ts';
import { localTime } from './local-time.ts';
import { receiptSummary } from './receipt-lines.ts';
import { cut, LINE_WIDTH } from './table.ts';
import type { Paint } from './terminal.ts';

const KIND_WIDTH = 9;
const REVISION_WIDTH = 7;

/** A live event in one line; `undefined` for those that only keep the stream alive. */
export function liveLine({ event, data }: ReceivedEvent, paint: Paint): string | undefined {
  if (event === 'change') {
    const [start, room] = begin(data.at, data.kill ? 'KILL' : 'change', data.revision);
    return paint(data.kill ? 'bad' : 'strong', start) + changeLine(data, room);
  }
  if (event === 'receipt') {
    const [start, room] = begin(data.at, 'receipt', data.revision);
    const summary = cut(receiptSummary(data), room);
    return start + (data.complete ? paint('good', summary) : summary);
  }
  return undefined;
}

/** Where a stream was asked to begin. */
export interface AskedBegin {
  readonly since: number | undefined;
  /** Goes before `since`. */
  readonly lastId: string | undefined;
}

/** What a person should know about where a stream begins. */
export function noteOf({ event, data }: ReceivedEvent, { since, lastId }: AskedBegin): string | undefined {
  if (event !== 'hello') return undefined;
  const asked = lastId === undefined ? undefined : parseCursor(lastId);
  if (asked !== undefined && asked.epoch !== data.epoch) {
    return `The environment was restored from a backup. It is at revision ${data.revision} now.`;
  }
  const wanted = asked?.revision ?? since ?? data.since;
  if (data.since > wanted) {
    return `The history no longer has revisions ${wanted + 1} to ${data.since}. Going on after them.`;
  }
  return `Watching; the environment is at revision ${data.revision}. Ctrl-C ends.`;
}

function begin(at: string, kind: string, revision: number): readonly [start: string, room: number] {
  const number = String(revision).padStart(REVISION_WIDTH);
  const start = `${localTime(at)}  ${kind.padEnd(KIND_WIDTH)}${number}  `;
  return [start, LINE_WIDTH - start.length];
}
