import type { Schedule } from '../platform/schedule.ts';

/** Streams of an environment that wait for its newest copy. */
export interface Publishing {
  /** Whether a flag was killed since they were last written to. */
  readonly killWaits: boolean;
  /** Whether they are streams of client keys: those of server keys go first. */
  readonly forClients: boolean;
  /** Writes the newest copy to the streams, or to some, and then adds itself again. */
  publish(): void;
}

export interface FanOutOrder {
  /** Its turn comes soon. One that waits already waits once. */
  add(publishing: Publishing): void;
}

/**
 * Decides which environment is written next, so that a kill does not wait for the thousands of streams of
 * another environment (SPEC.md, D18). One environment per turn, those with a kill first, among equals those of
 * server keys, then in the order of arrival; between two turns the server reads what else was committed.
 *
 * What waits is a name, not a copy: an environment that changes while it waits is written once.
 */
export function createFanOutOrder(schedule: Schedule): FanOutOrder {
  const waiting = new Set<Publishing>();
  const next = (): void => {
    const turn = firstOf(waiting);
    if (turn === undefined) return;
    waiting.delete(turn);
    if (waiting.size > 0) schedule.soon(next);
    turn.publish();
  };
  return {
    add: (publishing) => {
      const isIdle = waiting.size === 0;
      waiting.add(publishing);
      if (isIdle) schedule.soon(next);
    },
  };
}

function firstOf(waiting: ReadonlySet<Publishing>): Publishing | undefined {
  let first: Publishing | undefined;
  for (const publishing of waiting) {
    if (first === undefined || rankOf(publishing) < rankOf(first)) first = publishing;
  }
  return first;
}

function rankOf({ killWaits, forClients }: Publishing): number {
  return (killWaits ? 0 : 2) + (forClients ? 1 : 0);
}
