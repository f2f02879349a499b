import type { Registry } from 'prom-client';
import type { RefusalCause } from '../delivery/admission.ts';
import type { StreamCounts } from '../delivery/delivery-counts.ts';
import type { DeliveryReadings } from '../delivery/delivery-metrics.ts';
import { registerOpen } from '../delivery/delivery-metrics.ts';
import { registerTotals } from '../platform/metrics.ts';

/** Registers the metrics of live streams, which are read from plain numbers when somebody collects them. */
export function registerLiveMetrics(
  registry: Registry,
  readings: {
    readonly streams: DeliveryReadings['streams'];
    readonly refused: Readonly<Record<RefusalCause, number>>;
    readonly counts: Pick<StreamCounts, 'cut' | 'ended'>;
  },
): void {
  registerOpen(
    registry,
    { name: 'dimmer_live_streams', help: 'Open live streams of admin keys.' },
    readings.streams,
  );
  registerTotals(
    registry,
    {
      name: 'dimmer_live_streams_refused_total',
      help: 'Live streams not opened, by the limit that was met.',
      label: 'cause',
    },
    readings.refused,
  );
  registerTotals(
    registry,
    {
      name: 'dimmer_live_streams_cut_total',
      help: 'Live streams ended without a goodbye that was taken, by cause.',
      label: 'cause',
    },
    readings.counts.cut,
  );
  registerTotals(
    registry,
    { name: 'dimmer_live_streams_ended_total', help: 'Live streams ended, by why.', label: 'reason' },
    readings.counts.ended,
  );
}
