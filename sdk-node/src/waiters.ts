import type { Clock } from '@dimmer/follower';

interface Waiter {
  readonly isDone: () => boolean;
  readonly settle: (done: boolean) => void;
}

/** Promises of something that may become true, each with its own patience. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits until `isDone` holds. It is asked now and at every `check`.
   *
   * @returns Whether it came to hold in time; never rejects.
   */
  wait(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isDone()) return Promise.resolve(true);
    if (this.#isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#clock.after(timeoutMs, () => waiter.settle(false));
      const waiter: Waiter = {
        isDone,
        settle: (done) => {
          cancel();
          this.#waiters.delete(waiter);
          resolve(done);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Something has changed: settles those who have waited for it. */
  check(): void {
    for (const waiter of [...this.#waiters]) if (waiter.isDone()) waiter.settle(true);
  }

  /** Nothing will change any more. */
  giveUp(): void {
    this.#isOver = true;
    for (const waiter of [...this.#waiters]) waiter.settle(waiter.isDone());
  }
}
