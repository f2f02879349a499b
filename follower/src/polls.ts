import type { Versioned } from '@dimmer/schema';
import type { Polls } from './follow.ts';
import { pollBeside } from './polling.ts';
import type { SnapshotTransport } from './ports.ts';

/**
 * Polls for a follower.
 *
 * @example follower.poll(pollsOf(snapshotTransport(server)));
 */
export function pollsOf<Item extends Versioned>(transport: SnapshotTransport<Item>): Polls<Item> {
  let giveUp: (() => void) | undefined;
  return {
    beside: pollBeside,
    run(effect, happened) {
      if (effect.type === 'abandon') giveUp?.();
      if (effect.type !== 'poll') return;
      const { poll, cursor } = effect;
      giveUp = transport.ask(cursor, (answer) => happened({ type: 'polled', poll, answer }));
    },
  };
}
