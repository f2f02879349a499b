import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What one flag answered. `marker` is the rule, or the percentage, that the serving revision put in. */
export interface Reading {
  readonly flag: string;
  readonly marker: string | null;
  /** The revision at which the flag last changed; 0: there is no such flag. */
  readonly revision: number;
  /** `false`: the flag is there, and its definition cannot be evaluated. */
  readonly served: boolean;
}

/** What a client did or saw, before anybody judged it. */
export type Happened =
  | { readonly op: 'write'; readonly args: WriteArgs; readonly result: WriteResult }
  | {
      readonly op: 'open';
      readonly args: StreamArgs & { readonly since: string | null };
      readonly result: null;
    }
  | { readonly op: 'frame'; readonly args: StreamArgs & { readonly event: string }; readonly result: unknown }
  | { readonly op: 'closed'; readonly args: StreamArgs; readonly result: null }
  | { readonly op: 'read'; readonly args: null; readonly result: readonly Reading[] }
  | { readonly op: 'buckets'; readonly args: { readonly flag: string }; readonly result: BucketsResult }
  | { readonly op: 'wait'; readonly args: { readonly revision: number }; readonly result: WaitResult }
  | { readonly op: 'status'; readonly args: null; readonly result: StatusResult }
  | { readonly op: 'fault'; readonly args: unknown; readonly result: null };

export interface WriteArgs {
  readonly marker: string;
  readonly flags: readonly string[];
}

/** `null`: no answer came, or a refusal: the write may or may not have been made. */
export type WriteResult = { readonly revision: number } | null;

export interface StreamArgs {
  /** Counts the streams of one client. */
  readonly stream: number;
}

export interface BucketsResult {
  readonly revision: number;
  /** Which of the users are in. */
  readonly users: readonly number[];
}

export interface WaitResult {
  readonly reached: boolean;
  readonly readings: readonly Reading[];
}

export interface StatusResult {
  readonly state: string;
  readonly epoch: string | null;
  readonly revision: number | null;
}

/** One line of a history file. */
export type Entry = Happened & {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly client: string;
};

/** An append-only file of JSON lines that several clients write to. */
export interface HistoryFile {
  readonly path: string;
  append(client: string, happened: Happened): void;
  close(): void;
}

/** Nothing is judged while it is written: a run can be judged again after a validator was mended. */
export function createHistoryFile(path: string): HistoryFile {
  return historyFile(path, openSync(path, 'ax'));
}

/** The file of a run for another of its processes. */
export function appendHistoryFile(path: string): HistoryFile {
  return historyFile(path, openSync(path, 'a'));
}

/** Every entry, in the order in which it was written. */
export function readHistoryFile(path: string): readonly Entry[] {
  const bytes = readFileSync(path);
  const entries: Entry[] = [];
  // Line by line: the whole of a long run is more than one string can hold.
  for (
    let start = 0, end = bytes.indexOf('\n');
    end >= 0;
    start = end + 1, end = bytes.indexOf('\n', start)
  ) {
    entries.push(JSON.parse(bytes.toString('utf8', start, end)) as Entry);
  }
  return entries;
}

function historyFile(path: string, file: number): HistoryFile {
  let closed = false;
  return {
    path,
    append(client, happened) {
      // The number of a closed file may be another file's, or a socket's, by now.
      if (closed) return;
      // At once, not from a buffer: a run that dies leaves everything up to then.
      writeSync(file, `${JSON.stringify({ time: Date.now(), client, ...happened })}\n`);
    },
    close() {
      if (!closed) closeSync(file);
      closed = true;
    },
  };
}
