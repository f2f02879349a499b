/** How a command ended, for scripts. The numbers are API: they are added, never changed. */
export const EXIT = {
  /** Done as asked. */
  done: 0,
  /** The server refused, or something else went wrong. */
  failed: 1,
  /** Wrong arguments or settings: nothing was sent. */
  usage: 2,
  /** Done and committed, but not every instance has applied it. */
  incomplete: 3,
  /** The server cannot be reached, or cannot answer now. */
  unreachable: 4,
  /** The key is missing at the server, has expired, or may not do that. */
  unauthorized: 5,
  /** Ended by Ctrl-C before it was known to be done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'done',
  failed: 'the server refused, or something else went wrong',
  usage: 'wrong arguments or settings; nothing was sent',
  incomplete: 'done and committed, but not every instance has applied it yet',
  unreachable: 'the server cannot be reached, or cannot answer now',
  unauthorized: 'the key is unknown or expired, or may not do that',
  interrupted: 'ended by Ctrl-C before it was known to be done',
};

/** The table of exit codes, as `--help` prints it. */
export function exitCodeHelp(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[];
  const rows = names.map((name) => `  ${String(EXIT[name]).padEnd(5)}${MEANINGS[name]}`);
  return ['Exit codes:', ...rows].join('\n');
}
