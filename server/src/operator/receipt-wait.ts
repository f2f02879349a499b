import type { ReceiptView } from '@dimmer/schema/rest';
import { PROGRESS_MARK, receiptSummary } from './receipt-lines.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';

/** How long `--wait` waits where it names no duration, in milliseconds. */
export const RECEIPT_WAIT_MS = 10_000;

/** How often the receipt is asked for, in milliseconds. */
const LOOK_MS = 250;

/** How often its state is told where lines cannot be rewritten, in milliseconds. */
const NOTE_MS = 1_000;

/**
 * The receipt of a revision, as soon as every instance has applied it, or as it is when the wait is over or the
 * person presses Ctrl-C. Meanwhile stderr tells how far it is.
 *
 * @param waitMs - Milliseconds; 0 asks once.
 * @throws CommandFailure where no receipt can be had at all.
 */
export async function awaitReceipt(session: Session, revision: number, waitMs: number): Promise<ReceiptView> {
  const { api, settings, clock, pause, interrupted } = session;
  const path = `${environmentPath(settings)}/revisions/${revision}/receipt`;
  const progress = createProgress(session);
  const overAt = clock.now() + waitMs;
  try {
    for (;;) {
      const receipt = await api.get<ReceiptView>(path);
      const leftMs = overAt - clock.now();
      if (receipt.complete || leftMs <= 0 || interrupted.aborted) return receipt;
      progress.show(receiptSummary(receipt) + PROGRESS_MARK);
      await pause(Math.min(LOOK_MS, leftMs), interrupted);
      if (interrupted.aborted) return receipt;
    }
  } finally {
    progress.end();
  }
}

interface Progress {
  show(line: string): void;
  end(): void;
}

function createProgress({ terminal, clock }: Session): Progress {
  if (terminal.canRewrite) {
    return { show: (line) => terminal.rewrite(line), end: () => terminal.rewrite(undefined) };
  }
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    show(line) {
      if (clock.now() < nextAt) return;
      nextAt = clock.now() + NOTE_MS;
      terminal.note(line);
    },
    end: () => undefined,
  };
}
