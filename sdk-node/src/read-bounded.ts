import { readFileSync, statSync } from 'node:fs';
import { problemOf } from './problem-of.ts';

/** What became of a file. */
export type FileReading =
  | { readonly outcome: 'read'; readonly text: string }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unreadable'; readonly problem: string };

/** Reads an ordinary file of bounded size. A directory, a pipe or a giant is a problem, never a wait. */
export function readBounded(path: string, bytesMax: number): FileReading {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return { outcome: 'absent' };
    if (!found.isFile()) return { outcome: 'unreadable', problem: 'it is not a file' };
    if (found.size > bytesMax) {
      return { outcome: 'unreadable', problem: `it is larger than ${bytesMax} bytes` };
    }
    return { outcome: 'read', text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { outcome: 'unreadable', problem: problemOf(error) };
  }
}
