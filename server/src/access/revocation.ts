import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Repetition } from '../platform/repeat.ts';
import { repeat, warnOfFirst } from '../platform/repeat.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { WorkMetrics } from '../platform/work-metrics.ts';
import { hasExpired } from './authenticate.ts';
import type { KeyDirectory } from './key-directory.ts';

/** How often streams are held against their keys and against secure mode, in milliseconds. */
const CHECK_MS = 1_000;

/** Keeps streams that keys have opened. */
export interface StreamKeeper {
  /** Ends, with a goodbye, every stream whose key opens nothing any more. */
  revoke(opens: (keyId: string) => boolean): void;
}

/**
 * Ends the streams of deleted and expired keys and those that secure mode does not allow, within a second or two. Every
 * server sees to its own streams.
 */
export function startRevocation(parts: {
  readonly keys: KeyDirectory;
  readonly keepers: readonly StreamKeeper[];
  /** Ends the streams of contexts that nobody signed, where secure mode was turned on. */
  readonly endUnsignedStreams: () => Promise<void>;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly work: WorkMetrics;
}): Repetition {
  const { keys, keepers, endUnsignedStreams, clock, schedule, log, work } = parts;
  const revoking = repeat(schedule, CHECK_MS, {
    run: work.counted('end-revoked-streams', () => endRevokedStreams(keys, keepers, clock.now())),
    onFailure: warnOfFirst(log, 'streams were not checked for revoked keys'),
  });
  const securing = repeat(schedule, CHECK_MS, {
    run: work.counted('end-unsigned-streams', endUnsignedStreams),
    onFailure: warnOfFirst(log, 'streams were not checked for secure mode'),
  });
  return {
    stop: async () => {
      await Promise.all([revoking.stop(), securing.stop()]);
    },
  };
}

/**
 * Ends the streams whose key was deleted or has expired (SPEC.md, A17). A request is judged when it comes;
 * a stream outlives that by hours, so it is judged again whenever this is called, by what all servers wrote (M6).
 *
 * @param now - Milliseconds since the Unix epoch.
 * @throws StorageFault where nobody can say which keys there are: then the streams of unexpired keys stay.
 */
export async function endRevokedStreams(
  directory: Pick<KeyDirectory, 'all' | 'refresh'>,
  keepers: readonly StreamKeeper[],
  now: number,
): Promise<void> {
  const refreshed = await directory.refresh().then(
    () => undefined,
    (cause: unknown) => ({ cause }),
  );
  const opening = new Set<string>();
  for (const key of await directory.all()) if (!hasExpired(key, now)) opening.add(key.id);
  for (const keeper of keepers) keeper.revoke((keyId) => opening.has(keyId));
  // Told to whoever logs it; a key expires all the same.
  if (refreshed !== undefined) throw refreshed.cause;
}
