import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Forwarded } from './report-bundle.ts';
import { bundleOf } from './report-bundle.ts';
import type { SendBundle, Sending } from './report-sender.ts';

/** How a lane goes. */
export interface LanePace {
  /** What comes within so many milliseconds after the first goes together. */
  readonly gatherMs: number;
  /** Most entries of one bundle. */
  readonly entriesMax: number;
  /** Most bytes of JSON of one bundle; a larger entry goes alone. */
  readonly bytesMax: number;
}

export interface LanePorts {
  readonly pace: LanePace;
  readonly send: SendBundle;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  /** Entries that the upstream has taken, or never will. They wait no longer. */
  readonly onDone: (entries: readonly Forwarded[], isTaken: boolean) => void;
}

/** Waits between attempts, in milliseconds: doubled with every failure, up to the greatest. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

/** The longest wait that is asked for and obeyed, in milliseconds. */
const ASKED_MAX_MS = 60_000;

interface Attempt {
  readonly id: string;
  readonly entries: readonly Forwarded[];
}

/**
 * Sends entries in bundles, one at a time. One that was not heard of is sent again as it was, under its id, so that
 * nothing of it counts twice; one that cannot be read is halved, until the entry that is to blame is alone.
 */
export class ReportLane {
  readonly #ports: LanePorts;
  readonly #waiting: Forwarded[] = [];
  /** Bundles that were tried and have to be tried again, the next one first. */
  readonly #attempts: Attempt[] = [];
  #failures = 0;
  /** Characters of what waits and was never tried. */
  #characters = 0;
  /** What is being sent. */
  #current: Attempt | undefined;
  #isClosed = false;
  #cancel: (() => void) | undefined;
  #onIdle: (() => void)[] = [];

  constructor(ports: LanePorts) {
    this.#ports = ports;
  }

  add(entry: Forwarded): void {
    this.#waiting.push(entry);
    this.#characters += entry.json.length;
    if (this.#current === undefined && this.#cancel === undefined) this.#after(this.#ports.pace.gatherMs);
  }

  /** Sends what is here now. Resolves when nothing waits, or the upstream does not take it. */
  async flush(): Promise<void> {
    const idle = new Promise<void>((resolve) => this.#onIdle.push(resolve));
    if (this.#current === undefined) this.#after(0);
    await idle;
  }

  /** Sends nothing more. @returns How many entries nobody has heard of. */
  close(): number {
    this.#cancel?.();
    this.#isClosed = true;
    const tried = [...this.#attempts, ...(this.#current === undefined ? [] : [this.#current])];
    return this.#waiting.length + tried.reduce((sum, { entries }) => sum + entries.length, 0);
  }

  #after(delayMs: number): void {
    this.#cancel?.();
    if (this.#isClosed) return;
    this.#cancel = this.#ports.schedule.after(delayMs, () => {
      this.#cancel = undefined;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const attempt = this.#attempts.shift() ?? this.#gather();
    if (attempt === undefined) {
      this.#release();
      return;
    }
    this.#current = attempt;
    const sending = await this.#ports.send(bundleOf(attempt.id, attempt.entries, this.#ports.clock.now()));
    this.#current = undefined;
    this.#settle(attempt, sending);
  }

  #settle(attempt: Attempt, sending: Sending): void {
    switch (sending.outcome) {
      case 'taken':
        this.#failures = 0;
        this.#ports.onDone(attempt.entries, true);
        this.#after(this.#gatherDelayMs());
        break;
      case 'unreadable':
        this.#divide(attempt);
        this.#after(0);
        break;
      case 'failed':
        this.#attempts.unshift(attempt);
        this.#after(Math.max(this.#retryDelayMs(), Math.min(sending.retryAfterMs, ASKED_MAX_MS)));
        this.#release();
    }
  }

  #retryDelayMs(): number {
    const boundMs = Math.min(RETRY_MIN_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures += 1;
    return boundMs * (0.5 + 0.5 * fractionOf(this.#ports.random));
  }

  /** What fills a bundle goes at once. */
  #gatherDelayMs(): number {
    const { gatherMs, entriesMax, bytesMax } = this.#ports.pace;
    const isFull = this.#waiting.length >= entriesMax || this.#characters >= bytesMax;
    return isFull || this.#attempts.length > 0 || this.#onIdle.length > 0 ? 0 : gatherMs;
  }

  #divide({ entries }: Attempt): void {
    if (entries.length === 1) {
      this.#ports.onDone(entries, false);
      return;
    }
    const half = Math.ceil(entries.length / 2);
    for (const part of [entries.slice(half), entries.slice(0, half)]) {
      this.#attempts.unshift({ id: this.#newId(), entries: part });
    }
  }

  #gather(): Attempt | undefined {
    const { entriesMax, bytesMax } = this.#ports.pace;
    let bytes = 0;
    let count = 0;
    for (const { json } of this.#waiting) {
      bytes += json.length;
      if (count > 0 && (count >= entriesMax || bytes > bytesMax)) break;
      count += 1;
    }
    if (count === 0) return undefined;
    const entries = this.#waiting.splice(0, count);
    for (const { json } of entries) this.#characters -= json.length;
    return { id: this.#newId(), entries };
  }

  #release(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #newId(): string {
    return Buffer.from(this.#ports.random.bytes(12)).toString('hex');
  }
}
