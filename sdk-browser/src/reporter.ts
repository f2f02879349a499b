import type { ReportBatch } from '@dimmer/schema';
import type { Counted } from './counters.ts';
import type { Platform } from './platform.ts';

/** Between two reports, give or take a fifth, and the longest wait after failures in a row. */
const EVERY_MS = 30_000;
const RETRY_MAX_MS = 300_000;

/** A server answers so to a report that it will never take. */
const UNREADABLE = [400, 413, 415];

/** Tells the server what was counted. */
export interface Reporter {
  /** Tells at once: the page may not come back. */
  readonly flush: () => void;
  readonly close: () => void;
}

/**
 * Reports every 30 s what was counted, if anything was. A batch that was not taken is sent again, the same with the
 * same id, and counters stay where they are bounded until it was.
 *
 * @param drain - Takes what was counted since it was last asked.
 * @param send - Sends a report with this batch.
 */
export function reporterOf(
  { after, random, newId }: Platform,
  drain: () => Counted | undefined,
  send: (batch: ReportBatch) => Promise<Response>,
): Reporter {
  let batch: ReportBatch | undefined;
  let sending = false;
  let isClosed = false;
  let failures = 0;
  let cancel: (() => void) | undefined;

  function plan(): void {
    cancel?.();
    if (isClosed) return;
    cancel = after(Math.min(EVERY_MS * 2 ** failures, RETRY_MAX_MS) * (0.8 + 0.4 * random()), () => {
      flush();
      plan();
    });
  }

  async function flush(): Promise<void> {
    if (sending) return;
    const counted = batch ? undefined : drain();
    if (counted) batch = { id: newId(), ...counted };
    if (!batch) return;
    sending = true;
    const isTaken = await send(batch).then(
      ({ ok, status }) => ok || UNREADABLE.includes(status),
      () => false,
    );
    sending = false;
    failures = isTaken ? 0 : failures + 1;
    if (isTaken) batch = undefined;
    plan();
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
