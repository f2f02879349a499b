/** Where a command writes. */
export interface Terminal {
  /** A line of the answer. */
  out(line: string): void;
  /** A line about the way there: warnings, faults, progress. */
  note(line: string): void;
  /** A line that the next one replaces; `undefined` takes it away. Only where {@link canRewrite}. */
  rewrite(line: string | undefined): void;
  /** Whether lines can be replaced. */
  readonly canRewrite: boolean;
  /** Makes text stand out, where that is wanted. */
  readonly paint: Paint;
}

export type Paint = (tone: 'bad' | 'good' | 'strong', text: string) => string;

/** The part of a stream that a terminal needs. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * A terminal on the streams of a process.
 *
 * @param noColour - The variable NO_COLOR: anything but nothing turns colours off (no-color.org).
 */
export function createTerminal(
  stdout: TerminalStream,
  stderr: TerminalStream,
  noColour: string | undefined,
): Terminal {
  const hasColour = stdout.isTTY === true && !noColour;
  return {
    out: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
    rewrite: (line = '') => void stderr.write(`\r\u001b[2K${line}`),
    canRewrite: stderr.isTTY === true,
    paint: hasColour ? (tone, text) => `\u001b[${CODES[tone]}m${text}\u001b[0m` : (_tone, text) => text,
  };
}

/** Red, green and bold. Not `styleText`, which asks the environment whether it may. */
const CODES = { bad: 31, good: 32, strong: 1 } as const;
