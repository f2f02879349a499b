import type { Decoded, SnapshotDocument, UpdateProblemCode, Versioned } from '@dimmer/schema';
import type { PollAnswer } from './event.ts';
import { snapshotOf } from './snapshot.ts';

/**
 * What the decoded body of a 200 is to the follower: the snapshot, or why it is not used.
 *
 * @param ageMs - How long it has lain in a cache on its way, see {@link ageMsOf}.
 */
export function snapshotAnswer<Item extends Versioned>(
  decoded: Decoded<SnapshotDocument<Item>>,
  ageMs: number,
): PollAnswer<Item> {
  if (decoded.outcome !== 'decoded') {
    return unusableSnapshot(decoded.outcome === 'malformed' ? decoded.problem : 'it is not a snapshot');
  }
  const snapshot = snapshotOf(decoded.value);
  if (snapshot === undefined) {
    return unusableSnapshot('its digest is not that of its objects', 'DIGEST_MISMATCH');
  }
  return { outcome: 'snapshot', snapshot, ageMs };
}

/** The answer to a request for the snapshot that was a 200, and of no use. */
export function unusableSnapshot(
  problem: string,
  refused: UpdateProblemCode = 'MALFORMED',
): PollAnswer<never> {
  return {
    outcome: 'failed',
    end: { message: `the snapshot is not used: ${problem}`, status: 200, refused },
  };
}

/**
 * How long an answer has lain in a cache on its way, in milliseconds.
 *
 * @param header - Its `Age`, in seconds; what is no number counts as none.
 */
export function ageMsOf(header: string | null): number {
  const age = header?.trim() ?? '';
  return /^\d{1,9}$/.test(age) ? Number(age) * 1_000 : 0;
}
