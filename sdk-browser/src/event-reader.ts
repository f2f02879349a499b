/** What is read from a stream. */
export interface EventListener {
  readonly event: (name: string, data: string) => void;
  /** A `retry:` field, milliseconds. */
  readonly retry: (delayMs: number) => void;
}

/** A carriage return at the end may be half of an end of a line. */
const LINE_END = /\r\n|\n|\r(?!$)/;

const FIELD = /^([^:]*):? ?(.*)$/s;

/**
 * Reads Server-Sent Events out of text that comes in pieces. Ids are not looked at: the protocol has cursors.
 *
 * @returns Takes the next piece, and tells how many characters are held of a message that has not ended.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 * @example eventReader(sink)('event: commit\ndata: {}\n\n') // 0
 */
export function eventReader({ event, retry }: EventListener): (piece: string) => number {
  let rest = '';
  let name = '';
  let data = '';

  function take(line: string): void {
    const [, field, value = ''] = FIELD.exec(line) ?? [];
    if (field === 'event') name = value;
    if (field === 'data') data += `${value}\n`;
    if (field === 'retry' && /^\d+$/.test(value)) retry(Number(value));
  }

  return (piece) => {
    const lines = (rest + piece).split(LINE_END);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line) take(line);
      else {
        if (data) event(name, data.slice(0, -1));
        name = data = '';
      }
    }
    return rest.length + data.length;
  };
}
