/**
 * Files that stay free of connections: the database with its log and index, the server's own log, the event loop,
 * and what libraries open for a moment.
 */
const FILES_RESERVED = 64;

/** Of the connections, the share that streams leave to requests: probes, writes, polls, polite refusals. */
const REQUESTS_SHARE = 1 / 8;

/** How many connections a process can hold without running out of files. */
export interface ConnectionLimits {
  /** Of all kinds. */
  readonly connectionsMax: number;
  /** Of these, streams. */
  readonly streamsMax: number;
}

/**
 * How many files this process may have open, sockets among them. Node has raised it to the hard limit by then.
 *
 * @returns `undefined` where the system tells no limit.
 */
export function readOpenFilesMax(): number | undefined {
  // The portable way: Linux alone has /proc/self/limits. Takes some 10 ms, once.
  const report: unknown = process.report.getReport();
  return softLimitOf(report);
}

/** @param report - What `process.report.getReport()` gives. */
export function softLimitOf(report: unknown): number | undefined {
  const soft = ['userLimits', 'open_files', 'soft'].reduce(partOf, report);
  return typeof soft === 'number' ? soft : undefined;
}

/** @example connectionsWithin(1_024) // { connectionsMax: 960, streamsMax: 840 } */
export function connectionsWithin(openFilesMax: number): ConnectionLimits {
  const connectionsMax = Math.max(2, openFilesMax - FILES_RESERVED);
  return { connectionsMax, streamsMax: Math.floor(connectionsMax * (1 - REQUESTS_SHARE)) };
}

function partOf(whole: unknown, name: string): unknown {
  return typeof whole === 'object' && whole !== null ? Reflect.get(whole, name) : undefined;
}
