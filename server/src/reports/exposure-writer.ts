import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { repeat } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import type { ExposureStore } from '../storage/exposure-store.ts';
import type { ExposureRollup } from './exposure-rollup.ts';

/** How often counts are written, in milliseconds. */
const WRITE_MS = 5_000;

/** Rows in one transaction. SQLite writes on the thread that also kills: a few milliseconds, then its turn. */
const ROWS_PER_WRITE_MAX = 500;

/** How often old counts are deleted, in milliseconds. */
const PRUNE_MS = 60_000;

const DAY_MS = 86_400_000;

/** Writes counted exposures in batches, and deletes old ones. */
export interface ExposureWriter {
  /** Writes what is there, and ends. */
  stop(): Promise<void>;
}

export function startExposureWriter(parts: {
  readonly rollup: ExposureRollup;
  readonly store: ExposureStore;
  readonly keptDays: number;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly work: WorkMetrics;
}): ExposureWriter {
  const { rollup, store, keptDays, clock, schedule, log, work } = parts;
  const turn = (): Promise<void> => new Promise((resolve) => schedule.soon(resolve));

  async function write(): Promise<void> {
    for (
      let rows = rollup.take(ROWS_PER_WRITE_MAX);
      rows.length > 0;
      rows = rollup.take(ROWS_PER_WRITE_MAX)
    ) {
      try {
        await store.add(rows);
      } catch (cause) {
        rollup.putBack(rows);
        throw cause;
      }
      await turn();
    }
  }

  async function prune(): Promise<void> {
    const before = clock.now() - keptDays * DAY_MS;
    while ((await store.prune(before)) > 0) await turn();
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
