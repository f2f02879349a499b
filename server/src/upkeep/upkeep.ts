import type { OnCommitted } from '../changes/commit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Repetition } from '../platform/repeat.ts';
import { repeat, warnOfFirst } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import type { Settings } from '../settings/settings.ts';
import type { Storage } from '../storage/storage.ts';
import { createKillExpiry } from './kill-expiry.ts';
import { LeaseKeeper } from './lease-keeper.ts';

/** A kill outlives its time by no more than this, in milliseconds. */
const KILL_CHECK_MS = 1_000;

const PRUNE_MS = 3_600_000;

/** How often what servers have shared of instances that are gone is deleted, in milliseconds. */
const FORGET_MS = 60_000;

/** The lease of what one server does for all. */
const UPKEEP = 'upkeep';

/**
 * What one server does for all of a database, the one that holds the lease of it: prunes history, at once and each hour,
 * lifts expired kills within a second or two, and forgets what servers have shared of instances that are gone.
 */
export function startUpkeep(parts: {
  readonly storage: Storage;
  readonly settings: Pick<Settings, 'historyRevisions' | 'historyDays'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly work: WorkMetrics;
  /** Of this process among the servers of the database. */
  readonly serverId: string;
  readonly onCommitted: OnCommitted;
}): Repetition {
  const { storage, settings, schedule, serverId, log, work } = parts;
  const tellHeld = work.leased(UPKEEP);
  const keeper = new LeaseKeeper({
    leases: storage.leases,
    name: UPKEEP,
    holder: serverId,
    onChange: (isHeld) => {
      tellHeld(isHeld);
      if (isHeld) log.debug({ server: serverId }, 'this server does the upkeep for all');
      else log.info({ server: serverId }, 'another server does the upkeep now');
    },
  });
  const policy = { revisions: settings.historyRevisions, days: settings.historyDays };
  const prune = {
    run: work.counted('prune-history', () => keeper.whileHeld(() => storage.prune(policy))),
    onFailure: (err: unknown) => log.warn({ err }, 'history was not pruned'),
  };
  const expiry = createKillExpiry(parts);
  const lifting = repeat(schedule, KILL_CHECK_MS, {
    run: work.counted('lift-kills', () => keeper.whileHeld((lease) => expiry.check(lease))),
    onFailure: warnOfFirst(log, 'expired kills were not lifted'),
  });
  const first = prune.run().catch(prune.onFailure);
  const pruning = repeat(schedule, PRUNE_MS, prune);
  const forgetting = repeat(schedule, FORGET_MS, {
    run: work.counted('forget-instances', () => keeper.whileHeld(async () => storage.instances?.prune())),
    onFailure: (err) => log.warn({ err }, 'instances that are gone were not forgotten'),
  });
  return {
    stop: async () => {
      expiry.close();
      await Promise.all([first, lifting.stop(), pruning.stop(), forgetting.stop()]);
      tellHeld(false);
      await keeper.release().catch((err: unknown) => log.warn({ err }, 'the upkeep was not handed over'));
    },
  };
}
