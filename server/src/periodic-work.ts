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
    onFailure: (err) => log.warn({ err }, 'streams were not checked for revoked keys'),
  });
  const securing = repeat(schedule, REVOCATION_CHECK_MS, {
    run: work.counted('end-unsigned-streams', endUnsignedStreams),
    onFailure: (err) => log.warn({ err }, 'streams were not checked for secure mode'),
  });
  return {
    stop: async () => {
      await Promise.all([revoking.stop(), securing.stop()]);
    },
  };
}

/**
 * Prunes history, at once and each hour; lifts expired kills within a second or two, and sees to revocation.
 */
export function startPeriodicWork(
  parts: {
    readonly storage: Storage;
    readonly settings: Pick<Settings, 'historyRevisions' | 'historyDays'>;
    readonly random: Random;
    readonly onCommitted?: CommitRequest['onCommitted'];
  } & RevocationParts,
): PeriodicWork {
  const { storage, settings, schedule, log, work } = parts;
  const policy = { revisions: settings.historyRevisions, days: settings.historyDays };
  const prune = {
    run: work.counted('prune-history', () => storage.prune(policy)),
    onFailure: (err: unknown) => log.warn({ err }, 'history was not pruned'),
  };
  const expiry = createKillExpiry(parts);
  const lifting = repeat(schedule, KILL_CHECK_MS, {
    run: work.counted('lift-kills', () => expiry.check()),
    onFailure: (err) => log.warn({ err }, 'expired kills were not lifted'),
  });
  const revocation = startRevocation(parts);
  const first = prune.run().catch(prune.onFailure);
  const pruning = repeat(schedule, PRUNE_MS, prune);
  return {
    stop: async () => {
      expiry.close();
      await Promise.all([first, lifting.stop(), revocation.stop(), pruning.stop()]);
    },
  };
}
