import type { Clock } from '../platform/clock.ts';
import type { Schedule } from '../platform/schedule.ts';

interface Entry {
  at: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

/** Time that passes when a test says so. */
export class ManualSchedule implements Schedule, Clock {
  #now = Date.parse('2023-11-14T22:13:20.000Z');
  readonly #entries = new Set<Entry>();

  now(): number {
    return this.#now;
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ at: this.#now + delayMs, periodMs: undefined, run });
  }

  every(periodMs: number, run: () => void): () => void {
    return this.#add({ at: this.#now + periodMs, periodMs, run });
  }

  /** How many calls are still to come. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Lets time pass, and runs what falls due in order. */
  pass(durationMs: number): void {
    const end = this.#now + durationMs;
    for (let due = this.#nextUntil(end); due !== undefined; due = this.#nextUntil(end)) {
      this.#now = Math.max(this.#now, due.at);
      if (due.periodMs === undefined) this.#entries.delete(due);
      else due.at = this.#now + due.periodMs;
      due.run();
    }
    this.#now = end;
  }

  /** Lets time pass while the process is paused: what falls due runs when it goes on, with `pass(0)`. */
  pause(durationMs: number): void {
    this.#now += durationMs;
  }

  #add(entry: Entry): () => void {
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  #nextUntil(end: number): Entry | undefined {
    const due = [...this.#entries].filter(({ at }) => at <= end);
    return due.sort((left, right) => left.at - right.at).at(0);
  }
}

/** Lets everything run that is only waiting for promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
