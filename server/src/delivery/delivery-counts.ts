import type { HelloMessage } from '@dimmer/schema';
import type { RefusalCause } from './admission.ts';

/**
 * What delivery has done since it began. Plain numbers, because some are touched once per stream and
 * revision; `delivery-metrics.ts` reads them when it is asked.
 */
export interface DeliveryCounts {
  /** Bytes handed to streams, before HTTP's own framing. */
  bytes: number;
  /** Times that a stream could not take a change at once, and got a merged one later. */
  heldBack: number;
  /** Times that the database failed to answer a feed, or that a feed found a fault in the answer. */
  feedFaults: number;
  /** Streams opened, by the mode that they were greeted with. */
  readonly opened: Record<HelloMessage['mode'], number>;
  /** Streams not opened, by the limit that was met. */
  readonly refused: Record<RefusalCause, number>;
  /** Streams that the server ended without a goodbye that was taken, by cause. */
  readonly cut: Record<'stalled' | 'draining', number>;
  /** Times that something became bytes, by what it was. */
  readonly encodings: Record<'delta' | 'full' | 'document', number>;
}

export function newDeliveryCounts(): DeliveryCounts {
  return {
    bytes: 0,
    heldBack: 0,
    feedFaults: 0,
    opened: { none: 0, delta: 0, full: 0 },
    refused: { node: 0, key: 0, rate: 0, draining: 0 },
    cut: { stalled: 0, draining: 0 },
    encodings: { delta: 0, full: 0, document: 0 },
  };
}
