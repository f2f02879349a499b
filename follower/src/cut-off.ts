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
  const last = before.search;
  const kept = isLive(before) && before.standing === 'STALE' ? last : undefined;
  if (!isLive(turn)) {
    if (kept && turn.now >= kept.leaveAt) {
      turn.problem = { message: 'the server is cut off from its database' };
      turn.search = { ...kept, left: kept.left + 1 };
    }
  } else if (turn.databaseAgeMs >= turn.timing.staleAfterMs) {
    turn.standing = 'STALE';
    turn.search = kept ?? searchOn(turn, last, timing);
    // Its silence ends the stream before that, as ever.
    turn.until = Math.min(turn.until, turn.search.leaveAt);
  }
}

/** A server that had its database since the search began has ended it, whoever has seen that. A commit has not: it may be of a held kill. */
function searchOn(
  { now, databaseAgeMs, random }: Turn<Versioned>,
  last: Search | undefined,
  timing: PollTiming,
): Search {
  const isOn = last && now - databaseAgeMs <= last.since;
  const left = isOn ? last.left : 0;
  return { since: isOn ? last.since : now, left, leaveAt: now + elsewhereDelayMs(left, random, timing) };
}
