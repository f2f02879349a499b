import type { KeyDirectory } from './access/key-directory.ts';
import type { StreamKeeper } from './access/revocation.ts';
import { endRevokedStreams } from './access/revocation.ts';
import type { CommitRequest } from './changes/commit.ts';
import { createKillExpiry } from './kill-expiry.ts';
import type { Clock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import type { Random } from './platform/random.ts';
import { repeat } from './platform/repeat.ts';
import type { Schedule } from './platform/schedule.ts';
import type { WorkMetrics } from './platform/work-metrics.ts';
import { LeaseKeeper } from './servers/lease-keeper.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage/storage.ts';

/** Work that nobody asks for. */
export interface PeriodicWork {
  /** Ends it, and waits for what is under way. */
  stop(): Promise<void>;
}

/** A kill outlives its time by no more than this. */
const KILL_CHECK_MS = 1_000;

/** How often streams are held against their keys and against secure mode. */
const REVOCATION_CHECK_MS = 1_000;

const PRUNE_MS = 3_600_000;

/** How often what servers have shared of instances that are gone is deleted, in milliseconds. */
const FORGET_MS = 60_000;

/** The lease of what one server does for all. */
const UPKEEP = 'upkeep';

export interface RevocationParts {
  readonly keys: KeyDirectory;
  readonly keepers: readonly StreamKeeper[];
  /** Ends the streams of contexts that nobody signed, where secure mode was turned on. */
  readonly endUnsignedStreams: () => Promise<void>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly work: WorkMetrics;
}

/** Ends the streams of deleted and expired keys and those that secure mode does not allow, within a second or two. */
export function startRevocation(parts: RevocationParts): PeriodicWork {
  const { keys, keepers, endUnsignedStreams, clock, schedule, log, work } = parts;
  const revoking = repeat(schedule, REVOCATION_CHECK_MS, {
    run: work.counted('end-revoked-streams', () => endRevokedStreams(keys, keepers, clock.now())),
    onFailure: warnOnce(log, 'streams were not checked for revoked keys'),
  });
  const securing = repeat(schedule, REVOCATION_CHECK_MS, {
    run: work.counted('end-unsigned-streams', endUnsignedStreams),
    onFailure: warnOnce(log, 'streams were not checked for secure mode'),
  });
  return {
    stop: async () => {
      await Promise.all([revoking.stop(), securing.stop()]);
    },
  };
}

/**
 * Prunes history, at once and each hour, and lifts expired kills within a second or two: the one server that holds the
 * lease of it. Every server sees to the revocation of its streams.
 */
export function startPeriodicWork(
  parts: {
    readonly storage: Storage;
    readonly settings: Pick<Settings, 'historyRevisions' | 'historyDays'>;
    readonly random: Random;
    /** Of this process among the servers of the database. */
    readonly serverId: string;
    readonly onCommitted?: CommitRequest['onCommitted'];
  } & RevocationParts,
): PeriodicWork {
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
    onFailure: warnOnce(log, 'expired kills were not lifted'),
  });
  const revocation = startRevocation(parts);
  const first = prune.run().catch(prune.onFailure);
  const pruning = repeat(schedule, PRUNE_MS, prune);
  const forgetting = repeat(schedule, FORGET_MS, {
    run: work.counted('forget-instances', () => keeper.whileHeld(async () => storage.instances?.prune())),
    onFailure: (err) => log.warn({ err }, 'instances that are gone were not forgotten'),
  });
  return {
    stop: async () => {
      expiry.close();
      const works = [lifting, revocation, pruning, forgetting];
      await Promise.all([first, ...works.map((one) => one.stop())]);
      tellHeld(false);
      await keeper.release().catch((err: unknown) => log.warn({ err }, 'the upkeep was not handed over'));
    },
  };
}

/** Of work that is due every second: an outage is told when it begins, not a thousand times. */
function warnOnce(log: Log, message: string): (err: unknown, isFirst: boolean) => void {
  return (err, isFirst) => {
    if (isFirst) log.warn({ err }, message);
  };
}
