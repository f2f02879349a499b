import { isDeepStrictEqual } from 'node:util';
import type { WireObject } from '@dimmer/schema';
import type { EnvironmentCopy } from './environment-copy.ts';
import { isKilled } from './environment-copy.ts';

/** How many flags are named. More are an environment that is another one altogether. */
const NAMED_MAX = 100;

/** What readers serve differently once they have gone over to another history. */
export interface HistoryDifference {
  /** Keys of flags that were added, removed or are defined otherwise: {@link NAMED_MAX} at most. */
  readonly flags: readonly string[];
  /** Keys of flags that were killed, and are not any more: the same. */
  readonly killsGone: readonly string[];
  /** How many flags differ. */
  readonly count: number;
}

/**
 * What differs for readers between two copies that are of different histories, where no revision compares.
 *
 * @example historyDifference(before, after) // { flags: ['checkout'], killsGone: ['checkout'], count: 1 }
 */
export function historyDifference(
  before: Pick<EnvironmentCopy, 'objects'>,
  after: Pick<EnvironmentCopy, 'objects'>,
): HistoryDifference {
  const names = new Set([...before.objects.keys(), ...after.objects.keys()]);
  const flags: string[] = [];
  const killsGone: string[] = [];
  for (const name of names) {
    const [was, is] = [before.objects.get(name), after.objects.get(name)];
    const flag = was ?? is;
    if (flag?.kind !== 'flag' || isSame(was, is)) continue;
    flags.push(flag.key);
    if (isKilled(was) && !isKilled(is)) killsGone.push(flag.key);
  }
  return { flags: flags.slice(0, NAMED_MAX), killsGone: killsGone.slice(0, NAMED_MAX), count: flags.length };
}

/** A version is a revision: in another history the same definition may have another one. */
function isSame(was: WireObject | undefined, is: WireObject | undefined): boolean {
  return isDeepStrictEqual(was && { ...was, version: 0 }, is && { ...is, version: 0 });
}
