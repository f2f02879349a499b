import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import type { Clock } from './clock.ts';

/** Counts runs of work that nobody asks for. */
export interface WorkMetrics {
  /**
   * The work, with its runs counted. What it throws is thrown on.
   *
   * @param work - Its name, from a fixed set.
   * @example repeat(schedule, 3_600_000, { run: work.counted('prune-history', () => storage.prune(policy)), onFailure });
   */
  counted(work: string, run: () => Promise<void>): () => Promise<void>;
  /**
   * Work that one of several servers does for all.
   *
   * @param lease - Its name, from a fixed set.
   * @returns Takes whether this server does it now; until then it does not.
   */
  leased(lease: string): (isHeld: boolean) => void;
}

export function createWorkMetrics(registry: Registry, clock: Clock): WorkMetrics {
  const runs = new Counter({
    name: 'dimmer_work_runs_total',
    help: 'Runs of periodic work, by work and outcome.',
    labelNames: ['work', 'outcome'],
    registers: [registry],
  });
  const doneAt = new Gauge({
    name: 'dimmer_work_last_done_timestamp_seconds',
    help: 'When periodic work was last done, in seconds since the Unix epoch; until then, when the server started.',
    labelNames: ['work'],
    registers: [registry],
  });
  const held = new Gauge({
    name: 'dimmer_lease_held',
    help: '1 where this server does the work that one of several does for all, else 0.',
    labelNames: ['lease'],
    registers: [registry],
  });
  return {
    leased: (lease) => {
      const gauge = held.labels(lease);
      gauge.set(0);
      return (isHeld) => gauge.set(isHeld ? 1 : 0);
    },
    counted: (work, run) => {
      const [done, failed] = [runs.labels(work, 'done'), runs.labels(work, 'failed')];
      const last = doneAt.labels(work);
      last.set(clock.now() / 1000);
      return async () => {
        try {
          await run();
          done.inc();
          last.set(clock.now() / 1000);
        } catch (cause) {
          failed.inc();
          throw cause;
        }
      };
    },
  };
}
