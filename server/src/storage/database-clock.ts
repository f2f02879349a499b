import type { Clock } from '../platform/clock.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Storage } from './storage.ts';

/** How often the clock is set by that of the database, in milliseconds. */
const SET_MS = 5_000;

/** An answer that took longer says too little about when it was given, in milliseconds. */
const ANSWER_MS_MAX = 500;

/**
 * A clock that all servers of a database share: it is set by that of the database, and goes on by a monotonic one in
 * between. So neither a server whose clock is wrong nor one whose clock is set while it runs lifts kills, lets keys expire
 * or times receipts by it (SPEC.md, M13).
 */
export class DatabaseClock implements Clock {
  readonly #monotonic: Clock;
  /** What was set last, and where the monotonic clock was then. */
  #set: { readonly time: number; readonly at: number };

  /**
   * @param monotonic - Milliseconds since any moment; it never goes back.
   * @param first - Of the process: what counts until the database was asked.
   */
  constructor(monotonic: Clock, first: Clock) {
    this.#monotonic = monotonic;
    this.#set = { time: first.now(), at: monotonic.now() };
  }

  /** Whole milliseconds, as rows hold them: both clocks that it is made of count parts as well. */
  now(): number {
    return Math.floor(this.#set.time + (this.#monotonic.now() - this.#set.at));
  }

  /** Asks the database for its time. @throws StorageFault where it does not answer. */
  async setBy(storage: Pick<Storage, 'now'>): Promise<void> {
    const askedAt = this.#monotonic.now();
    const time = await storage.now();
    const at = this.#monotonic.now();
    if (at - askedAt > ANSWER_MS_MAX) return;
    // It was told somewhere between the question and the answer.
    this.#set = { time: time + (at - askedAt) / 2, at };
  }

  /** Follows the clock of a database, for as long as the process lives. What fails is tried again: the clock goes on. */
  follow(storage: Pick<Storage, 'now'>, schedule: Schedule): void {
    repeat(schedule, SET_MS, { run: () => this.setBy(storage), onFailure: () => {} });
  }
}
