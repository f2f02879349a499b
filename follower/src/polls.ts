import type { Versioned } from '@dimmer/schema';
import { leaveCutOff } from './cut-off.ts';
import type { Polls } from './follow.ts';
import { pollBeside, polled } from './polling.ts';
import type { SnapshotTransport } from './ports.ts';
import { onLaterMessage } from './receive-later.ts';
import { cursorOf } from './state.ts';
import type { PollTiming } from './timing.ts';
import { POLL_TIMING } from './timing.ts';

/**
 * What looks after a follower beside its stream: polls while there is none, checks while there is one, leaves a server
 * that is cut off from its database, and knows what a live stream says besides commits.
 *
 * @example follower.poll(pollsOf(snapshotTransport(server)));
 */
export function pollsOf<Item extends Versioned>(
  transport: SnapshotTransport<Item>,
  timing: PollTiming = POLL_TIMING,
): Polls<Item> {
  let giveUp: (() => void) | undefined;
  return {
    beside(turn, before) {
      leaveCutOff(turn, before, timing);
      pollBeside(turn, before, timing);
    },
    onMessage: onLaterMessage,
    run(before, after, happened) {
      const asking = after.polling?.asking;
      if (before.polling?.asking === asking) return;
      // One that has answered does not mind.
      giveUp?.();
      giveUp = undefined;
      if (!asking) return;
      const poll = after.polling?.number ?? 0;
      // What names the copy is made from the copy: the two cannot part.
      giveUp = transport.ask(cursorOf(after), (answer) => happened(polled(poll, answer, timing)));
    },
  };
}
