import type { Clock } from '@dimmer/follower';
import type { Report, ReportBatch } from '@dimmer/schema';
import type { Counted } from './counters.ts';
import type { SendReport } from './server.ts';

/** The pace of reports. All in milliseconds. */
export interface ReportTiming {
  /** Between two reports, give or take a fifth. */
  readonly everyMs: number;
  /** The longest wait after failures in a row. */
  readonly retryMaxMs: number;
}

export const DEFAULT_REPORT_TIMING: ReportTiming = { everyMs: 30_000, retryMaxMs: 300_000 };

/** The world as a reporter needs it. */
export interface ReporterPorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly timing: ReportTiming;
  readonly send: SendReport;
  /** Everything of a report but its batch. */
  readonly report: () => Report;
  /** Takes what was counted since it was last asked. */
  readonly drain: () => Counted | undefined;
}

/** Tells the server what was counted. */
export interface Reporter {
  /** Tells at once: the page may not come back. */
  readonly flush: () => void;
  readonly close: () => void;
}

/** A server answers so to a report that it will never take. */
const UNREADABLE = [400, 413, 415];

/**
 * Reports every 30 s what was counted, if anything was. A batch that was not taken is sent again, the same with the
 * same id, and counters stay where they are bounded until it was.
 */
export function reporterOf({ clock, random, newId, timing, send, report, drain }: ReporterPorts): Reporter {
  let batch: ReportBatch | undefined;
  let sending = false;
  let isClosed = false;
  let failures = 0;
  let cancel: (() => void) | undefined;

  function plan(): void {
    cancel?.();
    if (isClosed) return;
    const delayMs = Math.min(timing.everyMs * 2 ** failures, timing.retryMaxMs);
    cancel = clock.after(delayMs * (0.8 + 0.4 * random()), () => {
      flush();
      plan();
    });
  }

  function flush(): void {
    if (sending) return;
    const counted = batch ? undefined : drain();
    if (counted) batch = { id: newId(), ...counted };
    if (!batch) return;
    sending = true;
    const settled = (isTaken: boolean): void => {
      sending = false;
      failures = isTaken ? 0 : failures + 1;
      if (isTaken) batch = undefined;
      plan();
    };
    send({ ...report(), batch }).then(
      ({ ok, status }) => settled(ok || UNREADABLE.includes(status)),
      () => settled(false),
    );
  }

  plan();
  return {
    flush,
    close() {
      isClosed = true;
      plan();
      flush();
    },
  };
}
