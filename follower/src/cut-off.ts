import type { Versioned } from '@dimmer/schema';
import { elsewhereDelayMs } from './backoff.ts';
import type { FollowerState, Search } from './state.ts';
import { isLive } from './state.ts';
import type { PollTiming } from './timing.ts';
import { POLL_TIMING } from './timing.ts';
import type { Turn } from './turn.ts';

/**
 * A server that is cut off from its database is `STALE`, though its stream goes on, and is left after a while (F59).
 * Takes part in every step.
 */
export function leaveCutOff(
  turn: Turn<Versioned>,
  before: FollowerState<Versioned>,
  timing: PollTiming = POLL_TIMING,
): void {
  const wasCutOff = isLive(before) && before.standing === 'STALE';
  if (!isLive(turn)) {
    if (wasCutOff && before.search && turn.now >= before.search.leaveAt) {
      turn.problem = { message: 'the server is cut off from its database' };
      turn.search = { ...before.search, left: before.search.left + 1 };
    }
  } else if (turn.databaseAgeMs >= turn.timing.staleAfterMs) {
    turn.standing = 'STALE';
    const search = wasCutOff && before.search ? before.search : searchOn(turn, before.search, timing);
    turn.search = search;
    // Its silence ends the stream before that, as ever.
    turn.until = Math.min(turn.until, search.leaveAt);
  }
}

/** A server that had its database since the search began has ended it, whoever has seen that. A commit has not: it may be of a held kill. */
function searchOn(turn: Turn<Versioned>, last: Search | undefined, timing: PollTiming): Search {
  const isOver = !last || turn.now - turn.databaseAgeMs > last.since;
  const { left, since } = isOver ? { left: 0, since: turn.now } : last;
  return { left, since, leaveAt: turn.now + elsewhereDelayMs(left, turn.random, timing) };
}
