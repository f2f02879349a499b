import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { within } from '../platform/within.ts';
import type { StreamSet } from './stream-set.ts';
import type { Subscriber } from './subscriber.ts';

/** Time between two handfuls of goodbyes, in milliseconds. */
const STEP_MS = 20;

/** A reader that was sent away comes back within this time, in milliseconds. */
const RETURN_MS = 1_000;

/** The time over which readers come back from a server that closes, in milliseconds. */
const CLOSE_SPREAD_MS = 1_000;

/** How long a closing server waits for readers to take their goodbye, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** The three ways in which what opens streams ends them: one key's, all in their time, all now. */
export interface StreamEndings {
  /**
   * Ends, with a goodbye, every stream whose key opens nothing any more, or whose context was signed with such a key.
   *
   * @param opens - Whether the key with this id still opens something.
   */
  revoke(opens: (keyId: string) => boolean): void;
  /** Opens no more streams, ends those that are open at a constant rate over `spreadMs`, then closes. */
  drain(spreadMs: number): Promise<void>;
  /** Ends every stream with a goodbye, cuts those that do not take it within 1 s, and reads no more. */
  close(): Promise<void>;
}

/**
 * Sends all streams away over `spreadMs`, and waits no longer than there are any: with the last stream goes the last
 * socket, and a process that holds none ends before the storage is closed.
 */
export async function sendAway(
  sets: readonly StreamSet[],
  spreadMs: number,
  ports: Parameters<typeof sayGoodbyes>[2],
): Promise<void> {
  const open = sets.flatMap((set) => [...set.subscribers()]);
  await Promise.race([sayGoodbyes(open, spreadMs, ports), whenEmpty(sets)]);
}

/** Ends all streams with a goodbye, and cuts those that do not take it within 1 s. */
export async function dismiss(sets: readonly StreamSet[], schedule: Schedule): Promise<void> {
  for (const set of sets) set.endAll('draining', CLOSE_SPREAD_MS);
  await within(CLOSE_GRACE_MS, schedule, whenEmpty(sets));
  for (const set of sets) set.cutAll();
}

async function whenEmpty(sets: readonly StreamSet[]): Promise<void> {
  await Promise.all(sets.map((set) => set.whenEmpty()));
}

/**
 * Sends every stream its goodbye, as many in each moment as in any other, each with a delay of its own. So the
 * server that takes the readers over sees a steady trickle, and not a wave at the end of each handful.
 *
 * @param spreadMs - The time that it takes; 0: all at once.
 * @returns When the last goodbye was handed over.
 */
export function sayGoodbyes(
  subscribers: readonly Subscriber[],
  spreadMs: number,
  ports: { readonly schedule: Schedule; readonly clock: Clock; readonly random: Random },
): Promise<void> {
  const { schedule, clock, random } = ports;
  const beganAt = clock.now();
  let said = 0;
  const sayUntil = (count: number): void => {
    for (const subscriber of subscribers.slice(said, count)) {
      subscriber.leave('draining', Math.floor(fractionOf(random) * RETURN_MS));
    }
    said = Math.max(said, count);
  };
  if (spreadMs === 0 || subscribers.length === 0) {
    sayUntil(subscribers.length);
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const stop = schedule.every(STEP_MS, () => {
      sayUntil(dueAt(subscribers.length, clock.now() - beganAt, spreadMs));
      if (said < subscribers.length) return;
      stop();
      resolve();
    });
  });
}

/** @example dueAt(8_000, 2_500, 10_000) // 2_000 */
export function dueAt(total: number, elapsedMs: number, spreadMs: number): number {
  return Math.min(total, Math.ceil((total * Math.max(0, elapsedMs)) / spreadMs));
}
