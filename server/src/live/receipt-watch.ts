import type { ReceiptView } from '@dimmer/schema/rest';
import type { Clock } from '../platform/clock.ts';
import type { Repetition } from '../platform/repeat.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import { createTurns } from '../platform/turns.ts';
import type { Instance } from '../reports/instance.ts';
import type { ReceiptSubject } from '../reports/receipt.ts';
import { receiptOf } from '../reports/receipt.ts';

/** How often the receipts of watched revisions are made, in milliseconds. */
export const RECEIPT_INTERVAL_MS = 250;

/** For how long after its commit a revision is watched, in milliseconds. */
export const WATCHED_MS = 60_000;

/** Revisions of one environment that are watched at one time. Beyond it, the one that was watched longest gets its last receipt. */
export const WATCHED_REVISIONS_MAX = 50;

/** What became of a receipt that was made again. */
export interface ReceiptStep {
  /** Whether readers should be told. */
  readonly isNews: boolean;
  /** Whether it is the last one. */
  readonly isLast: boolean;
}

/**
 * What to do with a receipt: tell it when it has changed or is the last one.
 *
 * @param before - The receipt that was told last; `undefined`: none was.
 * @param now - Milliseconds since the Unix epoch.
 */
export function stepOf(before: ReceiptView | undefined, receipt: ReceiptView, now: number): ReceiptStep {
  const isLast = receipt.complete || now >= Date.parse(receipt.committedAt) + WATCHED_MS;
  return { isLast, isNews: isLast || before === undefined || differ(before, receipt) };
}

/** When it was made is no part of what a receipt tells. */
function differ(one: ReceiptView, other: ReceiptView): boolean {
  return JSON.stringify({ ...one, at: '' }) !== JSON.stringify({ ...other, at: '' });
}

export interface ReceiptWatchPorts {
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** @returns The instances that run now. */
  readonly instances: () => readonly Instance[];
  readonly onReceipt: (receipt: ReceiptView) => void;
  readonly onFailure: (cause: unknown) => void;
}

interface Watched {
  readonly subject: ReceiptSubject;
  readonly told?: ReceiptView;
}

/**
 * Makes the receipts of new revisions until each is complete, or its time is over. One is made per turn of the event
 * loop and a round begins only after the one before, so that what else is to do, a kill above all, waits for one receipt
 * at most.
 */
export class ReceiptWatch {
  readonly #ports: ReceiptWatchPorts;
  /** By revision, those that are watched longest first. */
  readonly #watched = new Map<number, Watched>();
  readonly #rounds: Repetition;

  constructor(ports: ReceiptWatchPorts) {
    this.#ports = ports;
    this.#rounds = repeat(ports.schedule, RECEIPT_INTERVAL_MS, {
      run: () => this.#round(),
      onFailure: ports.onFailure,
    });
  }

  /** Watches a revision, unless its time is over or it is watched already. */
  watch(subject: ReceiptSubject): void {
    if (this.#watched.has(subject.revision)) return;
    if (this.#ports.clock.now() >= subject.committedAt + WATCHED_MS) return;
    this.#watched.set(subject.revision, { subject });
    const [oldest] = this.#watched.values();
    if (this.#watched.size <= WATCHED_REVISIONS_MAX || oldest === undefined) return;
    this.#watched.delete(oldest.subject.revision);
    this.#ports.onReceipt(this.#make(oldest.subject));
  }

  close(): void {
    this.#watched.clear();
    void this.#rounds.stop();
  }

  async #round(): Promise<void> {
    const turns = createTurns(this.#ports.schedule);
    for (const { revision } of [...this.#watched.values()].map(({ subject }) => subject)) {
      await turns.next();
      // It may have given way to a newer one meanwhile.
      const watched = this.#watched.get(revision);
      if (watched !== undefined) this.#look(watched);
    }
  }

  #look({ subject, told }: Watched): void {
    const receipt = this.#make(subject);
    const { isNews, isLast } = stepOf(told, receipt, this.#ports.clock.now());
    if (isLast) this.#watched.delete(subject.revision);
    else if (isNews) this.#watched.set(subject.revision, { subject, told: receipt });
    if (isNews) this.#ports.onReceipt(receipt);
  }

  #make(subject: ReceiptSubject): ReceiptView {
    const { instances, clock } = this.#ports;
    return receiptOf(subject, instances(), clock.now());
  }
}
