import type { Registry } from 'prom-client';
import type { RefusalCause } from '../delivery/admission.ts';
import type { StreamCounts } from '../delivery/delivery-counts.ts';
import type { DeliveryReadings } from '../delivery/delivery-metrics.ts';
import { registerByLabel, registerOpen } from '../delivery/delivery-metrics.ts';

/** Registers the metrics of live streams, which are read from plain numbers when somebody collects them. */
export function registerLiveMetrics(
  registry: Registry,
  readings: {
    readonly streams: DeliveryReadings['streams'];
    readonly refused: Readonly<Record<RefusalCause, number>>;
    readonly counts: Pick<StreamCounts, 'cut' | 'ended'>;
  },
): void {
  const registers = [registry];
  registerOpen(registers, 'dimmer_live_streams', 'Open live streams of admin keys.', readings.streams);
  registerByLabel(
    registers,
    'dimmer_live_streams_refused_total',
    'Live streams not opened, by the limit that was met.',
    'cause',
    readings.refused,
  );
  registerByLabel(
    registers,
    'dimmer_live_streams_cut_total',
    'Live streams ended without a goodbye that was taken, by cause.',
    'cause',
    readings.counts.cut,
  );
  registerByLabel(
    registers,
    'dimmer_live_streams_ended_total',
    'Live streams ended, by why.',
    'reason',
    readings.counts.ended,
  );
}
