import { readFileSync } from 'node:fs';

/**
 * How long processes have stood ready and had no processor, in milliseconds, since each of them began. What a bound on
 * time allows is for the product; what a busy machine adds is not: measured before and after, it is taken off.
 *
 * @param pids - Whose main threads. Where the system keeps no account of one, it has waited for nothing.
 * @example const waited = waitedForProcessorMs(process.pid); … elapsedMs - (waitedForProcessorMs(process.pid) - waited)
 */
export function waitedForProcessorMs(...pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + waitOf(pid), 0);
}

/** A stopwatch that stands still while one of the processes waits for a processor. @returns What has passed, in milliseconds. */
export function startStopwatch(...pids: readonly number[]): () => number {
  const [startedAt, waitedMs] = [performance.now(), waitedForProcessorMs(process.pid, ...pids)];
  return () => performance.now() - startedAt - (waitedForProcessorMs(process.pid, ...pids) - waitedMs);
}

function waitOf(pid: number): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return 0;
  }
}
