import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import type { ExposureStore } from '../storage/exposure-store.ts';
import type { ExposureRollup } from './exposure-rollup.ts';

/** How often counts are written, in milliseconds. */
const WRITE_MS = 5_000;

/** How often old counts are deleted, in milliseconds. */
const PRUNE_MS = 60_000;

const DAY_MS = 86_400_000;

/** For how long a batch is known when it comes again, in milliseconds. */
const BATCH_KNOWN_MS = DAY_MS;

/** How many batches are known at most: those of about three hours, where 100 come in a second. */
const BATCHES_KNOWN_MAX = 1_000_000;

/** Writes counted exposures in batches, and deletes old ones. */
export interface ExposureWriter {
  /** Writes what is there, and ends. */
  stop(): Promise<void>;
}

/** Writes what is counted every few seconds, and deletes what is old, until it is stopped. */
export function startExposureWriter(parts: {
  readonly rollup: ExposureRollup;
  readonly store: ExposureStore;
  /** For how long counts are kept, in days. */
  readonly keptDays: number;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly work: WorkMetrics;
  /** Told how many batches were left out, because they had been written before. */
  readonly onRepeated: (batches: number) => void;
}): ExposureWriter {
  const { rollup, store, keptDays, clock, schedule, log, work, onRepeated } = parts;
  const turn = (): Promise<void> => new Promise((resolve) => schedule.soon(resolve));

  async function write(): Promise<void> {
    for (let group = rollup.take(); group !== undefined; group = rollup.take()) {
      try {
        const known = await store.add(group.toAdd(clock.now()));
        onRepeated(known.size);
      } catch (cause) {
        rollup.putBack(group);
        throw cause;
      }
      await turn();
    }
  }

  async function prune(): Promise<void> {
    const now = clock.now();
    while ((await store.prune(now - keptDays * DAY_MS)) > 0) await turn();
    const policy = { since: now - BATCH_KNOWN_MS, most: BATCHES_KNOWN_MAX };
    while ((await store.pruneBatches(policy)) > 0) await turn();
  }

  const writing = repeat(schedule, WRITE_MS, {
    run: work.counted('write-exposures', write),
    onFailure: (err) => log.warn({ err }, 'exposures were not written; they are kept and tried again'),
  });
  const pruning = repeat(schedule, PRUNE_MS, {
    run: work.counted('prune-exposures', prune),
    onFailure: (err) => log.warn({ err }, 'old exposures were not deleted'),
  });
  return {
    stop: async () => {
      await Promise.all([writing.stop(), pruning.stop()]);
      await write().catch((err: unknown) => log.warn({ err }, 'the last exposures were not written'));
    },
  };
}
