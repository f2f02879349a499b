import type { Versioned } from '@dimmer/schema';
import { elsewhereDelayMs } from './backoff.ts';
import type { FollowerState } from './state.ts';
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
    if (wasCutOff && turn.now >= before.until) {
      turn.problem = { message: 'the server is cut off from its database' };
    }
  } else if (turn.databaseAgeMs >= turn.timing.staleAfterMs) {
    turn.standing = 'STALE';
    turn.until = wasCutOff ? before.until : turn.now + elsewhereDelayMs(turn.random, timing);
  }
}
