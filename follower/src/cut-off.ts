import type { Versioned } from '@dimmer/schema';
import { elsewhereDelayMs } from './backoff.ts';
import type { FollowerState, Search } from './state.ts';
import { isLive } from './state.ts';
import type { PollTiming } from './timing.ts';
import { POLL_TIMING } from './timing.ts';
import type { Turn } from './turn.ts';

const NONE: Search = { left: 0, leaveAt: Infinity };

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
  const { left, leaveAt } = before.search ?? NONE;
  if (!isLive(turn)) {
    if (wasCutOff && turn.now >= leaveAt) {
      turn.problem = { message: 'the server is cut off from its database' };
      turn.search = { left: left + 1, leaveAt };
    }
  } else if (turn.databaseAgeMs >= turn.timing.staleAfterMs) {
    turn.standing = 'STALE';
    if (!wasCutOff) {
      turn.search = { left, leaveAt: turn.now + elsewhereDelayMs(left, turn.random, timing) };
    }
    // Its silence ends the stream before that, as ever.
    turn.until = Math.min(turn.until, turn.search?.leaveAt ?? Infinity);
  } else if (left > 0) {
    turn.search = NONE;
  }
}
