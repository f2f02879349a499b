import { readdirSync, readFileSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { readOpenFilesMax } from '../platform/open-files.ts';
import type { MachineFacts } from './facts.ts';

/** What the system gives this process. A server in another container or unit may get something else. */
export function gatherMachine(): MachineFacts {
  // 0 where nothing constrains it; more than there is where the system has a way of saying so.
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return {
    openFilesMax: readOpenFilesMax(),
    backlogMax: numberIn('/proc/sys/net/core/somaxconn'),
    tcpRetries: numberIn('/proc/sys/net/ipv4/tcp_retries2'),
    memoryBytes: constrained > 0 ? Math.min(constrained, total) : total,
    heapBytesMax: getHeapStatistics().heap_size_limit,
  };
}

/** When the newest file of a folder was written; `null`: there is none. */
export function newestFileAt(folder: string): number | null {
  try {
    const times = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => statSync(join(folder, name)).mtimeMs);
    return times.length === 0 ? null : Math.max(...times);
  } catch {
    return null;
  }
}

function numberIn(path: string): number | undefined {
  try {
    const number = Number(readFileSync(path, 'utf8').trim());
    return Number.isFinite(number) ? number : undefined;
  } catch {
    return undefined;
  }
}
