import { hasExpired } from './authenticate.ts';
import type { KeyDirectory } from './key-directory.ts';

/** Keeps streams that keys have opened. */
export interface StreamKeeper {
  /** Ends, with a goodbye, every stream whose key opens nothing any more. */
  revoke(opens: (keyId: string) => boolean): void;
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
