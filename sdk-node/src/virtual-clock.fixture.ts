import type { Clock } from '@dimmer/follower';

/** A clock whose time passes when a test says so. What is promised meanwhile settles before the next timer rings. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>();
  #now = 0;

  readonly now = (): number => this.#now;

  readonly after = (delayMs: number, call: () => void): (() => void) => {
    const timer = { at: this.#now + delayMs, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  async pass(durationMs: number): Promise<void> {
    const end = this.#now + durationMs;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
    }
    this.#now = end;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
