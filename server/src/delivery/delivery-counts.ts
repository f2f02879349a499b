import type { GoodbyeReason, HelloMessage } from '@dimmer/schema';
import type { RefusalCause } from './admission.ts';

/**
 * Why a stream has ended: its peer left, it was told to go, it took nothing for too long, or it did not take its goodbye
 * in time.
 */
export type StreamEnding = 'peer' | GoodbyeReason | 'stalled' | 'cut';

/** What becomes of streams and their bytes. */
export interface StreamCounts {
  /** Bytes handed to streams, before HTTP's own framing. */
  bytes: number;
  /** Times that a stream could not take a change at once, and got a merged one later. */
  heldBack: number;
  /** Streams that the server ended without a goodbye that was taken, by cause. */
  readonly cut: Record<'stalled' | 'draining', number>;
  /** Every stream that has ended, once, by why. */
  readonly ended: Record<StreamEnding, number>;
}

/**
 * What delivery has done since it began. Plain numbers, because some are touched once per stream and
 * revision; `delivery-metrics.ts` reads them when it is asked.
 */
export interface DeliveryCounts extends StreamCounts {
  /** Times that the database failed to answer a feed, or that a feed found a fault in the answer. */
  feedFaults: number;
  /** Streams opened, by the mode that they were greeted with. */
  readonly opened: Record<HelloMessage['mode'], number>;
  /** Streams not opened, by the limit that was met. */
  readonly refused: Record<RefusalCause, number>;
  /** Times that something became bytes, by what it was. */
  readonly encodings: Record<'delta' | 'full' | 'document', number>;
}

/** Nothing was counted yet. */
export function newDeliveryCounts(): DeliveryCounts {
  return {
    ...newStreamCounts(),
    feedFaults: 0,
    opened: { none: 0, delta: 0, full: 0 },
    refused: newRefusals(),
    encodings: { delta: 0, full: 0, document: 0 },
  };
}

/** The same of streams alone. */
export function newStreamCounts(): StreamCounts {
  return {
    bytes: 0,
    heldBack: 0,
    cut: { stalled: 0, draining: 0 },
    ended: { peer: 0, draining: 0, rebalancing: 0, overloaded: 0, revoked: 0, stalled: 0, cut: 0 },
  };
}

/** The same of refusals alone. */
export function newRefusals(): Record<RefusalCause, number> {
  return { node: 0, key: 0, rate: 0, clients: 0, 'client-rate': 0, draining: 0, stuck: 0 };
}
