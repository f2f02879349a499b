import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where Debian and its like keep the library of the package `faketime`. */
const LIBRARIES = ['x86_64', 'aarch64'].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`,
);
const LIBRARY = LIBRARIES.find((path) => existsSync(path));

/** How long a process may take to see its new time, in milliseconds, and how exactly it is looked at. */
const SEEN_WITHIN_MS = 40_000;
const EXACT_TO_MS = 30_000;

/** Whether this machine can give a process a clock of its own. */
export const CAN_FAKE_CLOCKS = LIBRARY !== undefined;

/** The wall clock of a process, which jumps while it runs. Its monotonic clock goes on as a real one does. */
export interface FakedClock {
  /** Variables that the process is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** From now on the process sees the machine's time and so many milliseconds more, or less. */
  set(byMs: number): void;
}

/** @param path - A file for the clock's own use. */
export function fakedClock(path: string): FakedClock {
  if (LIBRARY === undefined) throw new Error('there is no libfaketime: install the package faketime');

  function set(byMs: number): void {
    const seconds = byMs / 1000;
    // Moved over, so that nobody reads a half.
    writeFileSync(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${path}.new`, path);
  }

  set(0);
  return {
    environment: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}

/**
 * Waits until a server tells the time that it was given.
 *
 * @throws Error where it does not: then nothing was faked.
 */
export async function untilTimeIs(url: string, byMs: number): Promise<void> {
  const deadline = Date.now() + SEEN_WITHIN_MS;
  let told: string | null = null;
  while (Date.now() < deadline) {
    const response = await fetch(`${url}/livez`);
    await response.body?.cancel();
    told = response.headers.get('date');
    if (Math.abs(Date.parse(told ?? '') - Date.now() - byMs) < EXACT_TO_MS) return;
    await sleep(100);
  }
  throw new Error(`the server still says ${told}, not ${byMs} ms beside the machine's time`);
}
