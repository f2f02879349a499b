/** What a {@link frameGuard} watches for. */
export interface FrameGuardOptions {
  /** Bytes between two blank lines; more is an error. */
  readonly frameBytesMax: number;
  /** A `retry:` field, milliseconds. The parser keeps it to itself. */
  readonly onRetry: (delayMs: number) => void;
}

const LF = 10;
const CR = 13;
const RETRY_LINE = /^retry: ?(\d{1,9})$/;
/** Long enough for a `retry:` line; nothing else of a line is looked at. */
const LINE_HEAD_CHARACTERS = 20;

/**
 * Counts the bytes of every frame of an event stream as they pass. The parser behind it joins what belongs
 * to one frame without a bound, so a stream that never ends a line would fill the memory.
 *
 * @returns Looks at one chunk; it throws a RangeError when a frame is too large.
 */
export function frameGuard({ frameBytesMax, onRetry }: FrameGuardOptions): (chunk: Uint8Array) => void {
  let frameBytes = 0;
  let lineBytes = 0;
  let head = '';
  let afterCr = false;

  function endLine(): void {
    const delay = RETRY_LINE.exec(head)?.[1];
    if (delay !== undefined && lineBytes === head.length) onRetry(Number(delay));
    if (lineBytes === 0) frameBytes = 0;
    lineBytes = 0;
    head = '';
  }

  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: every byte of a stream passes here; with a call more for each it took twice the time.
  return (chunk) => {
    for (const byte of chunk) {
      const secondOfPair = byte === LF && afterCr;
      afterCr = byte === CR;
      if (secondOfPair) continue;
      frameBytes += 1;
      if (byte === LF || byte === CR) {
        endLine();
        continue;
      }
      if (frameBytes > frameBytesMax) throw new RangeError(`a message is larger than ${frameBytesMax} bytes`);
      lineBytes += 1;
      if (lineBytes <= LINE_HEAD_CHARACTERS) head += String.fromCharCode(byte);
    }
  };
}
